"""A QR code as inline SVG: no image file, no outside request."""

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel

#: Blank modules around the code that readers need (ISO/IEC 18004).
_QUIET = 4


def qr_svg(text: str, label: str) -> SafeString:
    """``text`` as a QR code of middle error correction; ``label`` is read to those who cannot see it."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    size = code.getModuleCount()
    dark = "".join(
        f"M{column + _QUIET} {row + _QUIET}h1v1h-1z"
        for row in range(size)
        for column in range(size)
        if code.isDark(row, column)
    )
    width = size + 2 * _QUIET
    return format_html(
        '<svg class="cs-qr" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges">'
        '<rect width="100%" height="100%" fill="#fff"/><path d="{}"/></svg>',
        label,
        width,
        width,
        mark_safe(dark),  # noqa: S308 -- numbers only
    )

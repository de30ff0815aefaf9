"""Files from anyone, recognised by their content, as claims to be verified."""

from typing import BinaryIO, Final

from django.utils.translation import gettext_lazy as _

from applications.pharmacy_lookup.open_data.claims import Claim, Unreadable
from applications.pharmacy_lookup.open_data.texts import is_original, read_csv, read_json, read_original
from applications.pharmacy_lookup.open_data.workbooks import read_workbook

_START: Final = 1 << 16
_FOREIGN: Final = {
    b"\xd0\xcf\x11\xe0": _("旧版 Excel（.xls）或加了密码的工作簿"),
    b"%PDF": _("PDF 文件"),
    b"\x1f\x8b": _("gzip 压缩文件"),
    b"Rar!": _("RAR 压缩文件"),
    b"7z\xbc\xaf": _("7z 压缩文件"),
    b"\x89PNG": _("图片"),
    b"\xff\xd8\xff": _("图片"),
    b"<": _("网页"),
}


def read_claim(file: BinaryIO) -> Claim:
    """The file as what its content says it is. Raises Unreadable; what is read later may raise it too."""
    file.seek(0)
    start = file.read(_START)
    if not start.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable(_("文件是空的。"), _("请重新下载后再试。"))
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise Unreadable(
                _("这是%(kind)s，不是我们发布的文件。") % {"kind": name},
                _("请选择从开放数据页下载的 XLSX、CSV、JSON 或签名原件，不要选截图或打印件。"),
            )
    if start.startswith(b"PK"):
        return read_workbook(file)
    if is_original(start):
        return read_original(file)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return read_json(file)
    return read_csv(file)

"""How values look in the admin: money in yuan, points as decimals, grades with shape and text."""

import functools
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.apps import apps
from django.db.models import Model
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from creditsys.marks import grade_badge as grade_badge
from creditsys.marks import grade_colour as grade_colour
from ratings.rules.exact import decimal_text
from ratings.rules.periods import Period


def yuan(fen: int | None) -> str:
    """Fen as yuan: ``12,345.60 元``."""
    if fen is None:
        return "—"
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}{whole:,}.{rest:02d} 元"


def yuan_number(fen: int) -> Decimal:
    """Fen as an exact number of yuan, for exports."""
    return Decimal(fen).scaleb(-2)


def points_number(thousandths: int) -> Decimal:
    """Thousandths of a point as an exact number, for exports."""
    return Decimal(thousandths).scaleb(-3)


def points(thousandths: int) -> str:
    """Thousandths of a point as a decimal number."""
    return decimal_text(thousandths)


def decimal(value: Decimal) -> str:
    """A stored decimal without the zeros that end it."""
    return f"{value.normalize():f}"


def number(value: int) -> str:
    """A count with thousands separators."""
    return f"{value:,}"


def day(value: date | None) -> str:
    """``2025年7月1日``."""
    return formats.date_format(value, "Y年n月j日") if value else "—"


def moment(value: datetime | None) -> str:
    """``2025年7月1日 09:30``, in the clock of Asia/Shanghai."""
    return formats.date_format(timezone.localtime(value), "Y年n月j日 H:i") if value else "—"


def month(value: date) -> str:
    """``2025年7月``."""
    return f"{value.year}年{value.month}月"


def period_label(code: str) -> str:
    """``2025年上半年`` for ``2025H1``; an unreadable code as it stands."""
    try:
        return Period.parse(code).label
    except ValueError:
        return code


def change_url(instance: Model) -> str:
    """The admin page of a saved row."""
    return row_url(type(instance), instance.pk)


def row_url(model: type[Model], pk: object) -> str:
    """The admin page of the row with this key."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(pk,))


def list_url(model: type[Model], **lookups: str | int) -> str:
    """The admin list of a model, filtered."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(lookups)}" if lookups else url


def link(url: str, text: object) -> SafeString:
    """A link; both parts are escaped."""
    return format_html('<a class="cs-link" href="{}">{}</a>', url, text)


def two_lines(first: object, second: object) -> SafeString:
    """A cell of two lines, the second one smaller."""
    return format_html('<span>{}<span class="cs-sub">{}</span></span>', first, second)


def badge(kind: str, text: object) -> SafeString:
    """A short remark in a frame; ``kind`` is good, warn, bad or plain."""
    return format_html('<span class="cs-badge cs-{}">{}</span>', kind, text)


def table(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], *, more: str = "", note: str = ""
) -> dict[str, Any]:
    """What ``ratings/admin/tables.html`` draws; ``more`` is the address of the whole list."""
    return {"title": title, "headers": headers, "rows": rows, "more": more, "note": note}


def subject_name(subject: str) -> str:
    """The subject of an audit event for people: "violation:5" becomes "违法违规 #5"."""
    name, colon, key = subject.partition(":")
    label = _model_names().get(name.rpartition(".")[2])
    if label is None:
        return subject
    return f"{label} #{key}" if colon else label


def subject_key(text: str) -> str:
    """What :func:`subject_name` shows, as it is stored: "违法违规 #5" becomes "violation:5"."""
    label, _, key = text.partition("#")
    names = {shown: name for name, shown in _model_names().items()}
    name = names.get(label.strip())
    return f"{name}:{key.strip()}" if name else text


_ACTIONS: Final = {
    "import.check": "导入试算",
    "import.accept": "导入入库",
    "import.refuse": "导入被拒",
    "import.drop": "放弃导入",
}


def action_name(action: str) -> str:
    """The action of an audit event for people."""
    return _ACTIONS.get(action, action)


@functools.cache
def _model_names() -> dict[str, str]:
    return {
        model._meta.model_name: str(model._meta.verbose_name)
        for model in apps.get_models()
        if model._meta.model_name
    }

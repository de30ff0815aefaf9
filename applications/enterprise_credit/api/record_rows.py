"""The shape of calls that supply records: which members a row has, and of which JSON type.

What is wrong with a value is told with the outcome of its row; what is wrong here is no row that anybody could take in,
and the whole call is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Problem, Text

#: How many records a call may hold, and how many bytes.
MOST_ROWS: Final = 10_000
MOST_BYTES: Final = 20 * 1024 * 1024
#: So many faults are told of.
_MOST_FAULTS: Final = 1_000
_TEXT: Final[tuple[Text, frozenset[type]]] = (_("须为字符串。"), frozenset({str, type(None)}))
_FLAG: Final[tuple[Text, frozenset[type]]] = (_("须为 true 或 false。"), frozenset({bool, type(None)}))
#: Members of a row: what is wrong, and the types that may be.
ROW: Final[Mapping[str, tuple[Text, frozenset[type]]]] = {
    **dict.fromkeys(
        ("record_no", "social_credit_code", "name", "document_no", "decided_on", "valid_from", "valid_until", "reason"),
        _TEXT,
    ),
    "correction": _FLAG,
    "withdraw": _FLAG,
    "data": (_("须为 JSON 对象（花括号括起）。"), frozenset[type]({dict, type(None)})),
}  # fmt: skip
_RIGHT: Final = {name: types for name, (_text, types) in ROW.items()}


def read_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``{"records": [...]}``. Raises Problem (400) with all that is wrong, counted from 0: ``records.3.name``."""
    faults: list[tuple[str, Text]] = [(name, _("没有这个字段。")) for name in content if name != "records"]
    rows = content.get("records")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        text = format_lazy(_("须为 1 至 {most} 条信用信息的数组。"), most=MOST_ROWS)
        raise Problem(400, faults=[*faults[:_MOST_FAULTS], ("records", text)])
    for place, row in enumerate(rows):
        if not _is_right(row):
            faults += _faults(f"records.{place}", row)
    if faults:
        raise Problem(400, faults=faults[:_MOST_FAULTS])
    return rows


def _is_right(row: Any) -> bool:
    try:
        return bool(row["record_no"]) and all(type(value) in _RIGHT[name] for name, value in row.items())
    except (KeyError, TypeError, AttributeError):
        return False


def _faults(path: str, row: Any) -> list[tuple[str, Text]]:
    if not isinstance(row, dict):
        return [(path, _("须为 JSON 对象（花括号括起）。"))]
    found: list[tuple[str, Text]] = []
    for name, value in row.items():
        if name not in ROW:
            found.append((f"{path}.{name}", _("没有这个字段。")))
        elif type(value) not in ROW[name][1]:
            found.append((f"{path}.{name}", ROW[name][0]))
    if row.get("record_no") in (None, ""):
        found.append((f"{path}.record_no", _("缺少这个字段。")))
    return found

"""Checked lists as XLSX and CSV, and the outcomes that come back in them."""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from applications.api.problems import Text
from applications.enterprise_credit.batch_checks import MAX_FEN, BadOutcomes, Report, is_deviation
from applications.enterprise_credit.check_lists import MAX_LINES, taken
from applications.enterprise_credit.models import BatchCheck, CheckLine
from applications.enterprise_credit.rules.kinds import VERDICTS
from ratings.admin.exports import harmless
from ratings.admin.show import points_number, yuan_number
from ratings.services.errors import Refused
from ratings.services.imports import Column, ImportStopped, Kind
from ratings.services.imports.columns import amount, plain, text
from ratings.services.imports.errors import BadValue
from ratings.services.imports.headers import Bound, find_layout
from ratings.services.imports.parsing import amount_parser, clean, compact

#: Format to media type.
FORMATS: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
HEADERS: Final = (
    "序号", "统一社会信用代码", "名单上的名称", "登记名称", "企业信用等级", "企业信用分", "结论", "理由", "依据",
    "结果反馈", "金额（元）", "反馈说明", "违背核查结论",
)  # fmt: skip
_WIDTHS: Final = (6, 22, 28, 28, 12, 10, 10, 50, 30, 12, 16, 30, 12)
_ROW, _USCC, _OUTCOME, _AMOUNT, _NOTE = "row", "uscc", "outcome", "amount_fen", "note"
_REPORTED: Final = Kind(
    "outcomes", "核查结果", "",
    (
        Column(_ROW, "序号", plain(compact), "integer", aliases=("编号",), required=True),
        Column(_USCC, "统一社会信用代码", plain(compact), "text", aliases=("信用代码", "代码")),
        Column(_OUTCOME, "结果反馈", plain(compact), "text", aliases=("结果", "反馈"), required=True),
        Column(_AMOUNT, "金额", amount(0), "bigint", unit="money", aliases=("给予金额",)),
        Column(_NOTE, "反馈说明", text(500), "text", aliases=("说明", "备注")),
    ),
    key=(_ROW,),
)  # fmt: skip
#: What people write to ids.
_OUTCOMES: Final = {
    **{str(one.label): one.value for one in CheckLine.Outcome},
    **{one.value: one.value for one in CheckLine.Outcome},
    "给予": "GRANTED", "不给予": "REFUSED", "其他": "OTHER",
}  # fmt: skip


def written(check: BatchCheck, format: str) -> bytes:
    """The whole check as a file: what it was for, what was left out, then the lines, outcomes too.

    No cell can act as a formula. Raises KeyError for another format.
    """
    return {"xlsx": _xlsx, "csv": _csv}[format](check)


def heading(check: BatchCheck) -> list[str]:
    """What stands over the lines: fewer than ten, so that the header is found when the file comes back."""
    counts = {
        "PASS": check.passed,
        "ATTENTION": check.attention,
        "REJECT": check.rejected,
        "UNKNOWN": check.unknown,
    }
    told = "，".join(f"{VERDICTS[verdict]} {count:,}" for verdict, count in counts.items())  # type: ignore[index]
    left_out = "；".join(f"{one['title']}：{one['text']}" for one in check.left_out)
    return [
        f"名单核查：{check.title}",
        f"用途：{check.purpose_title}" + (f"，案号或项目号：{check.case_no}" if check.case_no else ""),
        f"核查部门：{check.department.name}，核查人：{check.by}",
        f"核查日：{check.on.isoformat()}，信用信息目录：{check.catalogue}",
        f"结果：{told}",
        f"未核查的内容：{left_out or '无'}",
        "反馈结果：“结果反馈”填已给予、未给予或其他处理，已给予的可填金额；不通过或查无此企业而给予的，以及其他处理，须填反馈说明。",
    ]


def _rows(check: BatchCheck) -> Iterator[tuple[Any, ...]]:
    for line in check.lines.order_by("row").iterator(chunk_size=2000):
        yield (
            line.row,
            line.uscc,
            line.given_name,
            line.name,
            line.grade,
            None if line.score is None else points_number(line.score),
            VERDICTS[line.verdict],  # type: ignore[index]
            "；".join(map(reason_text, line.reasons)),
            "；".join(dict.fromkeys(one["clause"] for one in line.reasons if one["clause"])),
            line.get_outcome_display() if line.outcome else "",
            None if line.amount_fen is None else yuan_number(line.amount_fen),
            line.outcome_note,
            "是" if is_deviation(line.verdict, line.outcome) else "",
        )


def reason_text(reason: dict[str, str]) -> str:
    """A reason of a line: its title, and the figures unless they say no more."""
    return reason["title"] if reason["title"] == reason["text"] else f"{reason['title']}：{reason['text']}"


def _xlsx(check: BatchCheck) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("核查结果")
    top = heading(check)
    sheet.freeze_panes = f"A{len(top) + 2}"
    for place, width in enumerate(_WIDTHS):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    for one in top:
        sheet.append([harmless(one)])
    sheet.append([_bold(sheet, header) for header in HEADERS])
    for row in _rows(check):
        sheet.append([harmless(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _bold(sheet: Any, value: str) -> Any:
    cell = WriteOnlyCell(sheet, value)
    cell.font = Font(bold=True)
    return cell


def _csv(check: BatchCheck) -> bytes:
    out = io.StringIO()
    out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(out)
    for one in heading(check):
        writer.writerow([harmless(one)])
    writer.writerow(HEADERS)
    writer.writerows([harmless(cell) for cell in row] for row in _rows(check))
    return out.getvalue().encode()


def read_outcomes(file: BinaryIO, size: int) -> list[Report]:
    """The outcomes that were filled in; lines without any are passed over.

    Raises Refused for a file that cannot be read or holds none, BadOutcomes with every wrong cell.
    """
    reports: list[Report] = []
    faults: list[tuple[int, str, Text]] = []
    with taken(file, size) as (source, _digest):
        try:
            layout = find_layout(_REPORTED, source, {}, {})
        except ImportStopped as stopped:
            raise Refused(
                f"{stopped.message}请在下载的核查结果中填写后上传，不要改动表头和序号。"
            ) from stopped
        bound = {one.column.name: one for one in layout.bound}
        for chunk in source.chunks(layout.head, layout.skip):
            for line, row in zip(chunk.lines, chunk.rows, strict=True):
                if not any(_cell(row, bound.get(name)) for name in (_OUTCOME, _AMOUNT, _NOTE)):
                    continue
                try:
                    reports.append(_report(row, bound))
                except BadValue as bad:
                    faults.append((line, "", f"{bad}{bad.remedy}"))
                if len(reports) + len(faults) > MAX_LINES:
                    raise Refused(f"反馈超过 {MAX_LINES:,} 行；请用核查结果原来的文件。")
    if faults:
        raise BadOutcomes(faults, "文件的行号")
    if not reports:
        raise Refused("文件里没有填写结果反馈。请在“结果反馈”一列填写后上传。")
    return reports


def _cell(row: list[str], bound: Bound | None) -> str:
    return clean(row[bound.index]) if bound and bound.index is not None and bound.index < len(row) else ""


def _report(row: list[str], bound: dict[str, Bound]) -> Report:
    number, outcome = compact(_cell(row, bound[_ROW])), compact(_cell(row, bound[_OUTCOME]))
    if not (number.isascii() and number.isdecimal() and len(number) < 9):
        raise BadValue(f"序号“{number[:20]}”不是数。", "请不要改动序号。")
    if outcome not in _OUTCOMES:
        raise BadValue(f"结果反馈“{outcome[:20]}”看不懂。", "请填已给予、未给予或其他处理。")
    told = _cell(row, bound.get(_AMOUNT))
    fen = int(amount_parser(bound[_AMOUNT].unit, 0, MAX_FEN)(told)) if told else None
    uscc = compact(_cell(row, bound.get(_USCC))).upper().removeprefix("'")
    note = _cell(row, bound.get(_NOTE))
    if note == harmless(note[1:]):
        note = note[1:]  # as it was before it was made harmless
    return Report(int(number), _OUTCOMES[outcome], fen, note, uscc)

"""Records in CSV and XLSX files: checked first, then accepted whole or dropped, as imports of facts are.

Reading is theirs (``ratings.services.imports``): encodings, delimiters, header rows, aliases, mapping, defaults, dates
and amounts as offices write them. What a row comes to is the intake's (``record_store``). Optional columns that a file
lacks keep, of a record that it corrects, what was recorded before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit import intake, record_store
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from applications.enterprise_credit.names import name_key
from applications.enterprise_credit.rules import fields
from applications.enterprise_credit.rules.catalogue import RecordField, RecordType
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.imports import BatchNotOpen, Column, Kind, RowsRefused, files, parsing, reports
from ratings.services.imports.columns import Context, plain, text
from ratings.services.imports.errors import BadValue, Problem
from ratings.services.imports.headers import Layout, find_layout
from ratings.services.imports.job import Reading, read_as
from ratings.services.imports.sources import Chunk
from ratings.services.imports.staging import PROBLEMS, RowParser, problems_kept
from ratings.services.imports.translation import database_refused

#: Below MEDIA_ROOT.
FOLDER: Final = "credit_imports"
_DATA: Final = "data."
_WHOLE: Final = frozenset({"amount_fen", "integer"})
_YES_OR_NO: Final = {"t": "是", "f": "否"}
#: A row of them tells what is wrong and what to do, with this between.
_REMEDY: Final = "；"


def check_file(
    record_type: RecordType,
    file: BinaryIO,
    file_name: str,
    *,
    department: Organisation,
    by: Actor,
    mapping: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None,
    sheet: str | None = None,
) -> RecordBatch:
    """A dry run: keep the file, read it, hold it against what is recorded, write no record.

    ``mapping`` is {their header: our column}, ``defaults`` {our column: value}. Returns the batch, CHECKED, with counts
    and the first 1,000 problems. Raises Refused for another department's type, and UnreadableFile when the file as a
    whole cannot be taken (then no batch is made).
    """
    demand_own(record_type, department)
    reading = Reading(mapping or {}, defaults or {}, sheet)
    with files.received(file, FOLDER) as incoming, _translated(), transaction.atomic():
        batch = RecordBatch.objects.create(
            department=department,
            record_type=record_type.key,
            source=RecordBatch.Source.FILE,
            state=RecordBatch.State.CHECKED,
            file_name=Path(file_name).name[-255:] or "未命名",
            sha256=incoming.sha256,
            size=incoming.size,
            mapping={"columns": reading.mapping, "defaults": reading.defaults, "sheet": reading.sheet or ""},
            uploaded_by=by.name,
        )
        _compare(batch, record_type, incoming.path, reading)
        batch.stored_file = incoming.keep()
        batch.save()
        _put_on_record("信用信息文件试算", batch, by)
    return batch


def accept_file(batch: RecordBatch, *, by: Actor, skip_refused: bool = False) -> RecordBatch:
    """Read the kept file again, hold it against what is recorded now, and write it, in one transaction.

    Raises RowsRefused when rows are refused, unless ``skip_refused``; the batch then keeps what was found now. Raises
    Refused where another department supplies the type by now, BatchNotOpen when it was accepted or dropped before, UnreadableFile when the file is gone, and DatabaseRefused.
    """
    with _translated(), transaction.atomic():
        batch = _open_batch(batch)
        record_type = type_of(batch)
        demand_own(record_type, batch.department)
        record_store.one_writer_at_a_time(record_type.key)
        _compare(batch, record_type, files.kept_file(batch), Reading.of(batch.mapping))
        stopped = bool(batch.refused) and not skip_refused
        if stopped:
            batch.save()
            _put_on_record("信用信息文件未入库", batch, by)
        else:
            intake.derive_later(record_store.write(batch, by.name, timezone.now()))
            intake.close(batch, by=by, reason=f"跳过被拒收的 {batch.refused} 行" if batch.refused else "")
    if stopped:
        raise RowsRefused(
            f"有 {batch.refused} 行被拒收，没有写入任何数据。",
            "请改正后重新上传，或选择跳过被拒收的行。",
        )
    return batch


def drop_file(batch: RecordBatch, *, by: Actor) -> RecordBatch:
    """Give up a checked batch; its file is deleted. Raises BatchNotOpen."""
    with transaction.atomic():
        batch = _open_batch(batch)
        batch.state = RecordBatch.State.DROPPED
        batch.stored_file = ""
        batch.save()
        _put_on_record("放弃信用信息文件", batch, by)
        transaction.on_commit(lambda: files.forget_file(batch, FOLDER))
    return batch


def problems_csv(batch: RecordBatch) -> Iterator[bytes]:
    """All problems of a batch as a CSV file in pieces; no cell can act as a formula."""
    return reports.problems_csv(batch, FOLDER)


def demand_own(record_type: RecordType, department: Organisation) -> None:
    """Raises Refused for a type that another department supplies."""
    if record_type.department != department.key:
        raise Refused(f"“{record_type.title}”不由{department.name}提供；请核对信用信息类型。")


def type_of(batch: RecordBatch) -> RecordType:
    """The type of a batch, as the catalogue in force has it. Raises Refused where it has it no more."""
    found = catalogue_on(timezone.localdate()).record_type(batch.record_type)
    if found is None:
        raise Refused(
            f"现行信用信息目录中已没有“{batch.record_type}”这种信用信息；请放弃这一批次，核对目录。"
        )
    return found


def _compare(batch: RecordBatch, record_type: RecordType, path: Path, reading: Reading) -> None:
    """Stage the file and hold it against what is recorded; counts and problems go to the batch."""
    kind = kind_of(record_type)
    with files.opened(path, reading.sheet) as source:
        layout = find_layout(kind, source, reading.mapping, reading.defaults)
        context = Context(timezone.localdate(), source.epoch, {})
        parser = RowParser(kind, layout, context, source.short_rows_are_whole)
        lines = partial(_lines, record_type, [bound.column.name for bound in layout.bound])
        good = bad = 0
        record_store.begin()
        with problems_kept() as keep:
            with record_store.sending() as copy:
                for chunk in source.chunks(layout.head, layout.skip):
                    numbers, columns, problems = parser.columns(chunk)
                    record_store.send(copy, lines(numbers, columns))
                    record_store.send(copy, _wrong_lines(layout, context, chunk, problems))
                    keep(problems)
                    good, bad = good + parser.good, bad + parser.bad
            parser.refuse_cut_off(source, good + bad)
        batch.mapping = {**batch.mapping, "read_as": read_as(source, layout, good + bad)}
    record_store.analyse()
    record_store.compare(record_type.key, lacking(kind, layout))
    _tell_refusals(layout)
    counts = record_store.counted()
    intake.note(batch, replace(counts, refused=counts.refused + bad))
    batch.problems = reports.first_problems() if batch.refused else []
    reports.keep_all_problems(batch.pk, len(batch.problems), FOLDER)


def lacking(kind: Kind, layout: Layout) -> list[str]:
    """Our columns that a file does not have."""
    found = {bound.column.name for bound in layout.bound}
    return [column.name for column in kind.columns if column.name not in found]


def _tell_refusals(layout: Layout) -> None:
    """Add to the problems why the comparison refuses rows."""
    headers = {bound.column.name: bound.header for bound in layout.bound}
    shown = {"record_no": "record_no", "valid_until": "coalesce(valid_until::text, '')"}
    with connection.cursor() as cursor:
        for refusal, fault in intake.REFUSALS.items():
            message, _, remedy = str(fault).partition(_REMEDY)
            cursor.execute(
                f'INSERT INTO {PROBLEMS} (line, place, "column", value, message, remedy)'
                f" SELECT line, 1, %s, {shown[fault.field]}, %s, %s FROM {record_store.ROWS} WHERE refusal = %s",
                (headers.get(fault.field, ""), f"{message}。", remedy, refusal),
            )


def _lines(
    record_type: RecordType,
    names: Sequence[str],
    numbers: Sequence[int],
    columns: Sequence[Sequence[str]],
) -> Iterator[str]:
    """Parsed rows as the stage takes them."""
    of = dict(zip(names, columns, strict=True))
    nothing = [""] * len(numbers)
    whole = {f"{_DATA}{field.key}" for field in record_type.fields if field.type in _WHOLE}
    data = [
        (name.removeprefix(_DATA), int if name in whole else _plain, of[name])
        for name in names
        if name.startswith(_DATA)
    ]
    outer = (
        *("correction", "reason", "record_no", "social_credit_code", "name", "document_no"),
        *("decided_on", "valid_from", "valid_until"),
    )
    rows = zip(*(of.get(name, nothing) for name in outer), strict=True)
    for place, (correction, reason, record_no, uscc, name, document_no, *days) in enumerate(rows):
        decided_on, valid_from, valid_until = days
        said = _plain(name)
        content = {key: read(cells[place]) for key, read, cells in data if cells[place]}
        yield record_store.line(
            numbers[place],
            False,
            correction == "t",
            _plain(reason),
            _plain(record_no),
            uscc,
            said,
            name_key(said),
            _plain(document_no),
            decided_on,
            valid_from,
            valid_until,
            orjson.dumps(content).decode(),
        )


def _wrong_lines(
    layout: Layout, context: Context, chunk: Chunk, problems: Iterable[Problem]
) -> Iterator[str]:
    """The numbers of the refused rows of a chunk, where they can be read, as the stage takes them."""
    refused = {problem.line for problem in problems}
    (bound,) = (bound for bound in layout.bound if bound.column.name == "record_no")
    parse, place = bound.column.parser(context), bound.index
    for line, row in zip(chunk.lines, chunk.rows, strict=True):
        if line in refused:
            cell = row[place] if place is not None and place < len(row) else ""
            if number := parsing.clean(cell) or parsing.clean(bound.default or ""):
                with suppress(BadValue):
                    yield record_store.wrong_line(line, _plain(parse(number)))


def _plain(cell: str) -> str:
    """A parsed cell as it is, not as COPY has it."""
    return cell.replace("\\\\", "\\") if "\\" in cell else cell


# -- the columns


@lru_cache(maxsize=256)
def kind_of(record_type: RecordType) -> Kind:
    """The columns of a file of a type."""
    return Kind(
        id=record_type.key,
        label=record_type.title,
        table=CreditRecord._meta.db_table,
        columns=(*_OUTER, *map(_column, record_type.fields)),
        key=("record_no",),
    )


def _name_parser(cell: str) -> str:
    text_ = parsing.text_parser(fields.NAME_LENGTH)(cell)
    if not name_key(text_):
        raise BadValue(f"{parsing.quote(cell)}中没有名称。", "请填写营业执照上的名称。")
    return text_


def _past(context: Context) -> Callable[[str], str]:
    today = context.today
    return parsing.date_parser(
        earliest=fields.EARLIEST, latest=today, beyond=f"晚于今天（{today.isoformat()}）", epoch=context.epoch
    )


def _any_day(context: Context) -> Callable[[str], str]:
    return parsing.date_parser(earliest=fields.EARLIEST, latest=date.max, beyond="过晚", epoch=context.epoch)


_OUTER: Final = (
    Column(
        "record_no", "记录编号", text(fields.NUMBER_LENGTH), "", ("编号", "信息编号"),
        "本部门自编，同一编号再报即为更正", "CF-2026-0001", required=True,
    ),
    Column(
        "social_credit_code", "统一社会信用代码", plain(parsing.parse_uscc), "",
        ("信用代码", "社会信用代码", "统一信用代码", "uscc"), "十八位", "91330602MA288UYN8Y", required=True,
    ),
    Column(
        "name", "企业名称", plain(_name_parser), "", ("名称", "单位名称", "主体名称", "行政相对人名称", "当事人"),
        "营业执照上的名称", "示例医药有限公司", required=True,
    ),
    Column(
        "document_no", "文书号", text(fields.DOCUMENT_LENGTH), "",
        ("文号", "文书编号", "决定书文号", "行政处罚决定书文号"), "", "绍市监罚〔2026〕1号",
    ),
    Column(
        "decided_on", "认定日期", _past, "", ("决定日期", "处罚决定日期", "认定日", "作出日期"),
        "不晚于今天", "2026-01-05", required=True,
    ),
    Column(
        "valid_from", "生效日", _past, "", ("生效日期", "有效期自", "有效期起"),
        "不晚于今天；不填即认定日期", "2026-01-05",
    ),
    Column(
        "valid_until", "失效日", _any_day, "", ("失效日期",),
        "自这一天起不再有效；不填＝未定", "2029-01-05",
    ),
    Column("reason", "更正原因", text(fields.REASON_LENGTH), "", ("原因",), "更正已有的记录时可填", ""),
    Column(
        "correction", "撤销后重新报送", plain(parsing.parse_boolean), "", (),
        "编号已撤销而仍须重新报送的，填 是", "",
    ),
)  # fmt: skip


def _column(field: RecordField) -> Column:
    parser, said, example = _OF_TYPE[field.type](field)
    money = field.type == "amount_fen"
    return Column(
        f"{_DATA}{field.key}",
        field.label,
        parser,
        "",
        (field.key,),
        said,
        example,
        required=field.required,
        unit="money" if money else "",
    )


_Parser = Callable[[Context], Callable[[str], str]]


def _choice(field: RecordField) -> _Parser:
    by_name = {parsing.compact(choice): choice for choice in field.choices}
    listed = "；".join(field.choices)
    yes_or_no = set(field.choices) == set(_YES_OR_NO.values())

    def parse(cell: str) -> str:
        if found := by_name.get(parsing.compact(cell)):
            return parsing.escaped(found)
        if yes_or_no:
            return _YES_OR_NO[parsing.parse_boolean(cell)]
        raise BadValue(f"{parsing.quote(cell)}不是可选的内容。", f"须为下列之一：{listed}。")

    return plain(parse)


def _amount(context: Context) -> Callable[[str], str]:
    return parsing.amount_parser(context.unit, -fields.LARGEST, fields.LARGEST)


_OF_TYPE: Final[dict[str, Callable[[RecordField], tuple[_Parser, str, str]]]] = {
    "text": lambda field: (text(field.max_length), f"最多 {field.max_length} 字", "示例"),
    "date": lambda field: (_any_day, "", "2026-01-31"),
    "amount_fen": lambda field: (_amount, "元，可在表头注明（元）（万元）（分）", "1,234.56"),
    "integer": lambda field: (plain(parsing.integer_parser(-fields.LARGEST, fields.LARGEST)), "整数", "1"),
    "choice": lambda field: (_choice(field), "；".join(field.choices), field.choices[0]),
    "designated_code": lambda field: (plain(parsing.parse_designated_code), "", "P33060200672"),
}


# -- the batch


def _open_batch(batch: RecordBatch) -> RecordBatch:
    """The batch, locked and still to be decided."""
    locked = RecordBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if locked.state != RecordBatch.State.CHECKED:
        raise BatchNotOpen(
            f"批次 #{locked.pk} {locked.get_state_display()}，不能再次处理。", "如需更正，请上传新文件。"
        )
    return locked


def _put_on_record(action: str, batch: RecordBatch, by: Actor) -> None:
    counts: dict[str, Any] = {name: getattr(batch, name) for name in record_store.Counts.__slots__}
    record(
        action, batch, by=by, record_type=batch.record_type, file_name=batch.file_name, sha256=batch.sha256, **counts
    )  # fmt: skip


@contextmanager
def _translated() -> Iterator[None]:
    """Refusals of the database in words for people."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise database_refused(error) from error

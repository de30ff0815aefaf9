"""An enterprise's own enquiry (企业查询谁查过本企业): all looks at it of ten years, in words; and their end after that.

浙江省公共信用信息管理条例: the record of look-ups is kept, and the enterprise may ask for it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone
from openpyxl import Workbook
from reportlab.platypus import Flowable

from applications.enterprise_credit import words
from applications.enterprise_credit.describing import shown_in_words
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import Assessment, CreditSubject, Look
from creditsys import pdf
from ratings.admin.exports import harmless
from ratings.admin.show import moment
from ratings.services.audit import Actor, record

#: For so long looks are kept; the trigger of the table refuses to remove younger ones.
KEPT_YEARS: Final = 10
#: So many are removed in one statement.
_BATCH: Final = 50_000
HEADERS: Final = ("时间", "部门", "查询人", "用途", "案号或项目号", "方式", "展示内容")
_LOOKS: Final = Look._meta.db_table


@dataclass(frozen=True, slots=True)
class Told:
    """One look as it is told to the enterprise."""

    at: datetime
    department: str
    by: str
    purpose: str
    case_no: str
    form: str
    #: what was shown, line by line
    shown: tuple[str, ...]

    def texts(self) -> tuple[str, ...]:
        """In the order of :data:`HEADERS`."""
        return (moment(self.at), self.department, self.by, self.purpose, self.case_no or "无", self.form, "；".join(self.shown) or "无")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What is told to an enterprise, newest first; ``since`` and ``at``: from when on, until when."""

    uscc: str
    name: str
    since: datetime
    at: datetime
    looks: tuple[Told, ...]


@transaction.atomic
def enquire(uscc: str, reason: str, at: datetime, *, by: Actor, form: str) -> Enquiry:
    """All looks at an enterprise within ten years before ``at``, found or not; the enquiry is an audit event.

    ``reason``: on whose request; ``form``: how it is given. Three queries, however many looks there are.
    """
    since = _years_before(at, KEPT_YEARS)
    rows = list(
        Look.objects.select_related("department", "client").filter(uscc=uscc, at__gt=since, at__lte=at)
    )
    ids = {row.shown.get("assessment") for row in rows} - {None}
    grades = {
        pk: f"{grade}（{words.points(score)}）" if grade else "不评等级"
        for pk, grade, score in Assessment.objects.filter(pk__in=ids).values_list("pk", "grade", "score")
    }
    titles = {one.key: one.title for one in catalogue_on(timezone.localdate(at)).record_types}
    name = CreditSubject.objects.filter(pk=uscc).values_list("name", flat=True).first()
    looks = tuple(
        Told(row.at, row.department.name, who(row), row.purpose_title, row.case_no, row.get_form_display(), what_was_shown(row, titles, grades))
        for row in rows
    )  # fmt: skip
    record(
        "答复企业查询记录",
        f"enterprise_credit.creditsubject:{uscc}",
        by=by,
        reason=reason,
        form=form,
        looks=len(looks),
    )
    return Enquiry(uscc, name or next((row.name for row in rows if row.name), ""), since, at, looks)


def who(row: Look) -> str:
    """Who looked: the user, or the program."""
    return f"{row.by}（接口程序）" if row.client_id else row.by


def what_was_shown(row: Look, titles: dict[str, str], grades: dict[int, str]) -> tuple[str, ...]:
    """What a look showed, in words."""
    return tuple(shown_in_words(row.shown, titles, grades)) if row.found else ("查无此企业，没有展示内容",)


def workbook(enquiry: Enquiry) -> bytes:
    """The looks as a sheet; cells are no formulas."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("查询记录")
    for letter, width in zip("ABCDEFG", (20, 20, 16, 14, 24, 12, 80), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A3"
    sheet.append([harmless(f"{enquiry.name}（{enquiry.uscc}）{_span(enquiry)}被查询的记录")])
    sheet.append(list(HEADERS))
    for one in enquiry.looks:
        sheet.append([harmless(text) for text in one.texts()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def letter(enquiry: Enquiry, office: str, reason: str) -> bytes:
    """The answer as a letter of ``office``."""
    name = enquiry.name or "该企业"
    story = [
        pdf.paragraph("企业信用信息查询记录告知书", pdf.TITLE),
        pdf.paragraph(f"{name}（统一社会信用代码 {enquiry.uscc}）："),
        pdf.gap(),
        pdf.paragraph(
            f"您单位提出的查询（{reason}）收悉。依照浙江省公共信用信息管理条例，现将{_span(enquiry)}各部门查询您单位信用信息的情况告知如下，"
            f"共 {len(enquiry.looks)} 次。查询记录自查询之日起保存十年。"
        ),
        *pdf.heading("查询情况"),
        _listed(enquiry.looks),
        pdf.gap(),
        pdf.paragraph("对查询情况有疑问，或认为信用信息有误的，可向本单位提出异议。"),
        pdf.gap(),
        pdf.paragraph(f"{office}\n{moment(enquiry.at)}"),
    ]
    return pdf.render(
        "企业信用信息查询记录告知书", f"企业信用信息查询记录告知书　{name}　{enquiry.uscc}", story
    )


def forget(now: datetime) -> int:
    """Remove looks that are ten years old; how many. In pieces, each its own transaction; safe to run twice."""
    removed, last = 0, _BATCH
    while last == _BATCH:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_FORGET, {"before": _years_before(now, KEPT_YEARS)})
            last = cursor.rowcount
            removed += last
    if removed:
        record("删除期满的查询记录", "enterprise_credit.look", by=Actor("系统"), rows=removed)
    return removed


# now(): what the trigger goes by, should the clock of this machine be ahead of the database's.
_FORGET: Final = f"""
    DELETE FROM {_LOOKS} WHERE id IN (
        SELECT id FROM {_LOOKS} WHERE at <= least(%(before)s, now() - interval '{KEPT_YEARS} years')
        ORDER BY at LIMIT {_BATCH}
    )
"""


def _listed(looks: Sequence[Told]) -> Flowable:
    if not looks:
        return pdf.paragraph("没有查询记录。")
    return pdf.table(HEADERS, [one.texts() for one in looks], (2.2, 2.4, 1.8, 1.6, 2.4, 1.4, 6))


def _span(enquiry: Enquiry) -> str:
    return f"{moment(enquiry.since)}至{moment(enquiry.at)}"


def _years_before(at: datetime, years: int) -> datetime:
    """The same moment so many years earlier; of 29 February, the 28th."""
    try:
        return at.replace(year=at.year - years)
    except ValueError:
        return at.replace(year=at.year - years, day=28)

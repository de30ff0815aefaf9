"""公示名单: a period's grades by district, for the office's wall and website.

While the notice lasts, the preliminary grades, exactly what the public page shows; after publication, the
grades in the ledger. No scores, nothing about people.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, PageBreak

from creditsys import pdf, pdf_lists
from ratings.models import District, IssuedDocument, RatingPeriod
from ratings.models.ledger import Event
from ratings.reports import layout
from ratings.rules.moves import PERIOD_STATES, PUBLISHED_STATES
from ratings.rules.periods import Period
from ratings.rules.scheme import Scheme
from ratings.services import notices
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp, issue
from ratings.services.errors import Refused
from ratings.services.schemes import parsed
from ratings.services.steps import shown_day

#: What stands in place of a grade.
NOT_RATED: Final = "不予评级"
WITHDRAWN: Final = "撤回"

_CENTRED: Final = ParagraphStyle("centred", pdf.TITLE, alignment=TA_CENTER)
_SHEET: Final = pdf.PORTRAIT


@dataclass(frozen=True, slots=True)
class Section:
    """One district's list."""

    place: str
    #: pharmacies by grade, in the order of ``NoticeList.grades``
    counts: Sequence[int]
    #: what it says beside what the whole document says
    words: Sequence[str]
    #: cells under the headers of the kind
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class NoticeList:
    """What the document says."""

    kind: "Kind"
    #: the district, or the city
    place: str
    period: Period
    facts: Sequence[tuple[str, str]]
    #: what holds for the lists of all districts
    words: Sequence[str]
    grades: Sequence[str]
    sections: Sequence[Section]

    @property
    def title(self) -> str:
        return f"{self.place}{self.kind.title}"


#: District, place in the scheme's grades (-1 = none), cells after the number.
_Rows = Iterator[tuple[int, int, Sequence[str]]]
_Words = list[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """Of preliminary or of published grades."""

    title: str
    headers: Sequence[str]
    shares: Sequence[float]
    #: what is said of it on top of each page
    running: str
    rows: Callable[[RatingPeriod, Scheme, District | None], _Rows]
    #: (period, today) -> labels and values; what holds for all districts
    facts: Callable[[RatingPeriod, date], Sequence[tuple[str, str]]]
    words: Callable[[RatingPeriod, date], _Words]
    #: (period, today, district) -> what is said in that district's list
    more: Callable[[RatingPeriod, date, District], _Words]


def notice_list(period: RatingPeriod, district: District | None = None, *, at: datetime) -> NoticeList:
    """The list of a period, or of one of its districts, as it is at a moment; three queries at most.

    Raises Refused where neither a notice lasts nor the period is published, and for a district
    without results in it.
    """
    today = timezone.localdate(at)
    kind = _kind_of(period, today)
    place = district or period.district
    scheme = parsed(period.run.scheme)
    grouped: dict[int, list[tuple[int, Sequence[str]]]] = {}
    for code, position, cells in kind.rows(period, scheme, place):
        grouped.setdefault(code, []).append((position, cells))
    if not grouped:
        where = place.name if place else "全市"
        raise Refused(f"{_named(period)}没有{where}的评价结果，没有名单可签发。")
    document = scheme.document
    return NoticeList(
        kind=kind,
        place=place.name if place else settings.CITY_NAME,
        period=Period.parse(period.period),
        facts=[
            ("评价周期", Period.parse(period.period).label),
            ("评价规则", f"{document.title}，第 {document.version} 版（{document.authority}）"),
            *kind.facts(period, today),
        ],
        words=kind.words(period, today),
        grades=[*(f"{grade.name} {grade.label}" for grade in scheme.grades), NOT_RATED],
        sections=[
            Section(
                one.name,
                _counted(scheme, [position for position, _ in grouped[one.code]]),
                kind.more(period, today, one),
                [(str(number), *cells) for number, (_, cells) in enumerate(grouped[one.code], 1)],
            )
            for one in District.objects.filter(code__in=grouped).order_by("code")
        ],
    )


def issue_notice_list(
    period: RatingPeriod,
    district: District | None = None,
    *,
    by: Actor,
    site: str,
    at: datetime | None = None,
) -> IssuedDocument:
    """Issue the list. Raises Refused as :func:`notice_list` does, and where the font lacks characters."""
    moment = at or timezone.now()
    said = notice_list(period, district, at=moment)
    about = About(
        IssuedDocument.Kind.NOTICE_LIST,
        f"{said.title}（{said.period.label}）",
        district=district or period.district,
        period=period.period,
    )
    return issue(about, lambda stamp: drawn(said, stamp), by=by, site=site, at=moment)


def refusal(period: RatingPeriod, today: date) -> str:
    """Why no list of a period can be issued today; "" where one can."""
    try:
        _kind_of(period, today)
    except Refused as refused:
        return str(refused)
    return ""


def _kind_of(period: RatingPeriod, today: date) -> Kind:
    if period.state in PUBLISHED_STATES:
        return PUBLISHED
    if period.state != "PUBLIC_NOTICE":
        raise Refused(
            f"{_named(period)}现为“{PERIOD_STATES[period.state].label}”，没有可签发的名单："
            "公示期内签发预评名单，发布以后签发公布名单。"
        )
    if not notices.runs(period, today):
        raise Refused(
            f"{_named(period)}的公示期为 {period.notice_from} 至 {period.notice_until}，"
            "今天不在公示期内，不能签发预评名单；发布以后签发公布名单。"
        )
    return PRELIMINARY


def _counted(scheme: Scheme, positions: Sequence[int]) -> list[int]:
    found = Counter(positions)
    return [found[place] for place in (*range(len(scheme.grades)), -1)]


def _named(period: RatingPeriod) -> str:
    return f"{Period.parse(period.period).label}（{period.scope}）"


# Preliminary grades


def _noticed_rows(period: RatingPeriod, scheme: Scheme, place: District | None) -> _Rows:
    for row in notices.rows(period, scheme, [place.code] if place else None):
        grade = scheme.grades[row.position] if row.position >= 0 else None
        shown = f"{grade.name} {grade.label}" if grade else NOT_RATED
        yield row.district, row.position, (row.code, row.name, shown, row.reason)


def _noticed_facts(period: RatingPeriod, today: date) -> list[tuple[str, str]]:
    first, last = period.notice_from or today, period.notice_until or today
    return [("公示期", f"{shown_day(first)}至{shown_day(last)}")]


def _noticed_words(period: RatingPeriod, today: date) -> _Words:
    calendar = "公示期所在年份的放假安排尚未公布，截止日按周一至周五推算，不再变动。"
    return [
        "现将预评结果予以公示。下列为预评等级，尚未审定，公示结束后可能变化；正式等级以发布的为准，"
        "本名单在公示期满后不再有效。",
        *([] if period.calendar_known else [calendar]),
    ]


def _noticed_more(period: RatingPeriod, today: date, district: District) -> _Words:
    objecting = notices.objecting(district.name, period.notice_from or today)
    return [
        f"参评药店对结果有异议的，可在 {shown_day(period.notice_until or today)}（含当日）前提出："
        f"{''.join(objecting.ways)}异议自收到之日起 {objecting.answer}内答复，最长不超过 {objecting.longest}。"
        "办理期间，不因提出异议加重对药店的评价。",
        *([f"联系方式：{objecting.contact}"] if objecting.contact else []),
    ]


PRELIMINARY: Final = Kind(
    title="定点零售药店信用评价预评结果公示",
    headers=("序号", "定点编码", "药店名称", "预评等级", "说明"),
    shares=(0.5, 1.2, 3.2, 1, 1.5),
    running="预评，尚未审定",
    rows=_noticed_rows,
    facts=_noticed_facts,
    words=_noticed_words,
    more=_noticed_more,
)


# Published grades

#: The newest row of each pharmacy among all that was published of a period.
_LEDGER: Final = """
    SELECT * FROM (
        SELECT DISTINCT ON (g.pharmacy_id) g.district, g.position, g.code, g.name,
               g.grade, g.grade_label, p.number, g.valid_from, g.event, g.reason
        FROM ratings_publication p JOIN ratings_publishedgrade g ON g.seq BETWEEN p.first_seq AND p.last_seq
        WHERE p.period_id = %(period)s AND (%(district)s::int IS NULL OR g.district = %(district)s)
        ORDER BY g.pharmacy_id, g.seq DESC
    ) newest ORDER BY district, code COLLATE "C"
"""


def _published_rows(period: RatingPeriod, scheme: Scheme, place: District | None) -> _Rows:
    with connection.cursor() as cursor:
        cursor.execute(_LEDGER, {"period": period.pk, "district": place.code if place else None})
        for district, position, code, name, grade, label, number, first, event, reason in cursor:
            if position >= 0:
                shown = f"{grade} {label}"
            else:
                shown = WITHDRAWN if event == Event.WITHDRAWAL else NOT_RATED
            # Of a change the list says which kind it is, not what was found.
            said = Event(event).label if event != Event.PERIODIC else reason if position < 0 else ""
            yield district, position, (code, name, shown, str(number), shown_day(first), said)


def _published_facts(period: RatingPeriod, today: date) -> list[tuple[str, str]]:
    return [("发布", shown_day(timezone.localdate(period.published_at))), ("截至", shown_day(today))]


def _published_words(period: RatingPeriod, today: date) -> _Words:
    words = [
        f"下列为本评价周期截至 {shown_day(today)}的公布等级；"
        "此后因期间变动、更正、信用修复或撤回而变更的，以最新公布的为准。"
    ]
    later = RatingPeriod.objects.select_related("district").filter(
        Q(district=None) | Q(district=period.district_id) if period.district_id else Q(),
        state__in=PUBLISHED_STATES,
        period_end__gt=period.period_end,
    )
    newest = later.order_by("-period_end").first()
    if newest:
        words.append(f"其后已公布{_named(newest)}的等级，现行等级以最新公布的为准。")
    return words


def _published_more(period: RatingPeriod, today: date, district: District) -> _Words:
    return []


PUBLISHED: Final = Kind(
    title="定点零售药店信用等级公布名单",
    headers=("序号", "定点编码", "药店名称", "等级", "发布号", "生效日", "说明"),
    shares=(0.44, 1.18, 2.62, 0.85, 0.58, 1.2, 1.43),
    running="",
    rows=_published_rows,
    facts=_published_facts,
    words=_published_words,
    more=_published_more,
)


# How it is laid out


def drawn(said: NoticeList, stamp: Stamp) -> bytes:
    """The document: each district on pages of its own; before several, a page with the counts of all."""
    story = list(_front(said, stamp)) if len(said.sections) > 1 else []
    for section in said.sections:
        if story:
            story.append(PageBreak())
        story += _section(said, section, stamp)
    running = "　".join(filter(None, (f"{said.title}（{said.period.label}）", said.kind.running)))
    return pdf.render(said.title, running, story, sheet=_SHEET, foot=layout.foot(stamp), made_at=stamp.at)


def _front(said: NoticeList, stamp: Stamp) -> Iterator[Flowable]:
    yield from _head(said, said.place, said.words)
    totals = [sum(section.counts[place] for section in said.sections) for place in range(len(said.grades))]
    rows = [(section.place, section.counts) for section in said.sections] + [("合计", totals)]
    yield pdf.table(
        ("区县", *said.grades, "合计"),
        [(place, *(f"{count:,}" for count in counts), f"{sum(counts):,}") for place, counts in rows],
        (1.4, *(1 for _ in said.grades), 1),
        _SHEET.width,
    )
    yield pdf.gap()
    yield pdf.paragraph("单位：家。各区县名单附后，各自新页起。", pdf.CELL)
    yield from _closing(stamp)


def _section(said: NoticeList, section: Section, stamp: Stamp) -> Iterator[Flowable]:
    yield from _head(said, section.place, [*said.words, *section.words])
    yield pdf.table(
        (*said.grades, "合计"),
        [[f"{count:,} 家" for count in (*section.counts, sum(section.counts))]],
        width=_SHEET.width,
    )
    yield pdf.gap()
    yield pdf_lists.roll(said.kind.headers, section.rows, said.kind.shares, _SHEET.width)
    yield from _closing(stamp)


def _head(said: NoticeList, place: str, words: Sequence[str]) -> Iterator[Flowable]:
    yield pdf.paragraph(f"{place}{said.kind.title}", _CENTRED)
    yield pdf.facts(said.facts, _SHEET.width)
    yield pdf.gap()
    yield from (pdf.paragraph(text) for text in words)
    yield pdf.gap()


def _closing(stamp: Stamp) -> Iterator[Flowable]:
    yield pdf.gap()
    yield layout.closing(stamp, _SHEET.width)

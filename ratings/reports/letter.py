"""The letter (告知书) that tells one pharmacy its result of a period: the grade, every reason with its clause, its rights.

While public notice lasts it tells the preliminary grade, once that is published the grade as it stands in
the ledger. It tells what the page of a one-time link tells: no names of staff, no reporter, no proposals.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Table, TableStyle

from creditsys import pdf
from ratings.models import Adjustment, IssuedDocument, PublishedGrade, Rating, RatingPeriod
from ratings.reports import layout
from ratings.rules.exact import decimal_text
from ratings.rules.explanation import Explanation, IndicatorPart
from ratings.rules.periods import Period
from ratings.rules.scheme import Scheme
from ratings.rules.telling import month_end_text
from ratings.services import documents
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.explanations import explain_standing
from ratings.services.letters import is_preliminary
from ratings.services.links import check_issue, issue_link, new_secret
from ratings.services.rights import Right, rights_published, rights_under_notice
from ratings.services.schemes import parsed
from ratings.services.standing import standing
from ratings.services.steps import shown_day

#: Purpose of a letter with a one-time link in it, in the register: only who may issue links may have its file.
WITH_LINK: Final = "附告知链接"
_WIDTH: Final = pdf.PORTRAIT.width
_TITLE: Final = ParagraphStyle("letter title", pdf.TITLE, alignment=TA_CENTER, spaceAfter=4)
_TEXT: Final = ParagraphStyle("letter text", pdf.BODY, fontSize=10.5, leading=16)
#: Two characters, as Chinese letters begin a paragraph.
_BODY: Final = ParagraphStyle("letter body", _TEXT, firstLineIndent=21)
_GRADE: Final = ParagraphStyle("letter grade", pdf.BODY, fontSize=15, leading=22, alignment=TA_CENTER)
_SMALL: Final = ParagraphStyle("letter small", pdf.CELL, fontSize=8.5, leading=12.5)
_NUMBER: Final = ParagraphStyle("letter number", _TEXT, alignment=TA_CENTER, spaceAfter=8)
#: Parts of the letter are numbered.
_NUMBERS: Final = "一二三四五六七八"
_QR: Final = 28 * mm
_NONE: Final = "无等级"


@dataclass(frozen=True, slots=True)
class Change:
    """An approved change of the grade: the subject must be told each, with its reason and basis."""

    day: str
    cause: str
    before: str
    after: str
    clause: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link (告知链接)."""

    address: str
    #: the last day on which it opens
    until: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one letter says."""

    preliminary: bool
    name: str
    code: str
    district: str
    #: such as 2025年下半年
    period: str
    #: with its title and version
    scheme: str
    authority: str
    #: what the scheme rests on
    basis: tuple[str, ...]
    #: "B（良好）", or that there is none
    grade: str
    meaning: str
    #: "" where there is no grade
    score: str
    #: its number and dates where it is published
    facts: tuple[tuple[str, str], ...]
    #: until when it is under public notice, as it goes on a sentence
    notice: str
    #: why there is no grade, where the ledger says it
    reason: str
    explanation: Explanation
    #: the grade that follows from the explanation; where it is another, a change below tells why
    reckoned: str
    #: (month, grade from then on) where time alone changes the grade
    later: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    rights: tuple[Right, ...]
    contact: str
    #: of the published grade, the row of the ledger
    seq: int | None
    link: Link | None = None

    @property
    def title(self) -> str:
        """Of the document."""
        return f"定点零售药店信用评价{'预评' if self.preliminary else ''}结果告知书"


@transaction.atomic
def issue_letter(
    rating: Rating,
    *,
    with_link: bool = False,
    by: Actor,
    site: str,
    at: datetime | None = None,
    on_record: bool = True,
) -> IssuedDocument:
    """Write, register and keep the letter to one rating; with a one-time link that is nowhere but in it.

    ``site`` and ``on_record``: see ``documents.issue``. Raises Refused where the period's state allows
    no letter (or no link), the result cannot be explained, or the font lacks characters.
    """
    moment = at or timezone.now()
    token, link = "", None
    if with_link:
        until = check_issue(_period(rating), at=moment)
        token = new_secret()
        address = f"{settings.SITE_URL or site.rstrip('/')}{reverse('public:link', args=(token,))}"
        # It ends with that day: when the next one begins.
        link = Link(address, shown_day(timezone.localdate(until - timedelta(minutes=1))))
    said = read_letter(rating, at=moment, link=link)
    about = documents.About(
        IssuedDocument.Kind.LETTER,
        f"{said.title}（{said.period}）",
        pharmacy=rating.pharmacy,
        district=rating.district,
        period=rating.run.period,
        seq=said.seq,
        purpose=WITH_LINK if link else "",
    )
    row = documents.issue(
        about, lambda stamp: drawn(said, stamp), by=by, site=site, at=moment, on_record=on_record
    )
    if token:
        issue_link(rating, by=by, at=moment, token=token, on_record=on_record)
    return row


# What it says


def read_letter(rating: Rating, *, at: datetime, link: Link | None = None) -> Said:
    """What the letter to a rating says at a moment. Raises Refused as ``issue_letter`` does."""
    period = _period(rating)
    preliminary = is_preliminary(period, at=at)
    scheme, now, today = parsed(rating.run.scheme), standing(rating), timezone.localdate(at)
    row = None if preliminary else _published(rating)
    explanation = explain_standing(rating, now, over_time=True)
    position = now.position if row is None else row.position
    score = now.score if row is None else row.score
    way = f"{'扫描本告知书所附告知链接的二维码提出，也可' if link else ''}到医保经办窗口提出"
    told = rights_under_notice if preliminary else rights_published
    document = scheme.document
    return Said(
        preliminary=preliminary,
        name=rating.pharmacy.name,
        code=rating.pharmacy.code,
        district=rating.district.name,
        period=Period.parse(period.period).label,
        scheme=f"《{document.title}》第{document.version}版",
        authority=document.authority,
        basis=document.legal_basis,
        grade=_grade(scheme, position),
        meaning=scheme.grades[position].meaning if position >= 0 else "",
        score=decimal_text(score) if score is not None else "",
        facts=() if row is None else _in_ledger(row),
        notice=_notice(period) if row is None else "",
        reason=row.reason if row is not None and row.position < 0 else "",
        explanation=explanation,
        reckoned=_grade(scheme, scheme.positions[explanation.grade] if explanation.rated else -1),
        later=tuple(
            (month_end_text(stage.day), _grade(scheme, stage.position))
            for stage in explanation.timeline
            if stage.better or stage.worse
        ),
        changes=_changes(rating, scheme),
        rights=tuple(told(period, today, how=way)),
        contact=settings.OBJECTION_CONTACT,
        seq=row.seq if row is not None else None,
        link=link,
    )


def _period(rating: Rating) -> RatingPeriod:
    found = RatingPeriod.objects.filter(run_id=rating.run_id).first()
    if found is None:
        raise Refused(f"评价批次 #{rating.run_id} 还没有建立评价周期，不签发告知书。")
    return found


def _published(rating: Rating) -> PublishedGrade:
    """The newest row of the ledger that tells this rating's grade."""
    row = (
        PublishedGrade.objects.filter(pharmacy=rating.pharmacy_id, run=rating.run_id).order_by("-seq").first()
    )
    if row is None:
        raise Refused(
            f"药店 {rating.pharmacy.code} 在本期的等级由另一评价批次发布（迁入前的区县先行发布），"
            "请从那一条评价结果签发。"
        )
    return row


def _grade(scheme: Scheme, position: int) -> str:
    """Such as ``D（差）``."""
    if position < 0:
        return _NONE
    return f"{scheme.grades[position].name}（{scheme.grades[position].label}）"


def _notice(period: RatingPeriod) -> str:
    if not (period.notice_from and period.notice_until):
        return ""
    remark = "" if period.calendar_known else "，该年放假安排尚未公布，按周一至周五推算"
    return f"，公示期为{shown_day(period.notice_from)}至{shown_day(period.notice_until)}（含当日{remark}）"


def _in_ledger(row: PublishedGrade) -> tuple[tuple[str, str], ...]:
    until = f"{shown_day(row.valid_until)}前" if row.valid_until else "下次公布前"
    return (
        ("公布序号", f"{row.seq}（{row.get_event_display()}）"),
        ("执行期", f"{shown_day(row.valid_from)}起，至{until}"),
    )


def _changes(rating: Rating, scheme: Scheme) -> tuple[Change, ...]:
    rows = Adjustment.objects.filter(rating=rating, state=Adjustment.State.APPROVED)
    return tuple(
        Change(
            day=shown_day(timezone.localdate(row.decided_at)),
            cause=row.get_cause_display(),
            before=_grade(scheme, row.from_grade),
            after=_grade(scheme, row.to_grade),
            clause=row.clause,
            text=row.text,
        )
        for row in rows.order_by("decided_at", "id")
    )


# How it looks


def drawn(said: Said, stamp: documents.Stamp) -> bytes:
    """The letter as a PDF of one or two pages usually."""
    parts = [
        ("评价结果", _result(said)),
        ("理由和依据", _reasons(said)),
        ("等级的变更", _change_lines(said)),
        ("如何提升等级", _ahead(said)),
        ("你店的权利", _rights(said)),
    ]
    story: list[Flowable] = [
        pdf.paragraph(said.title, _TITLE),
        pdf.paragraph(f"编号：{stamp.number}", _NUMBER),
        *_opening(said),
    ]
    told = [(title, flowables) for title, flowables in parts if flowables]
    for number, (title, flowables) in zip(_NUMBERS, told, strict=False):
        story += [*pdf.heading(f"{number}、{title}"), *flowables]
    if said.link:
        story += [pdf.gap(), _link(said.link)]
    story += [
        pdf.gap(),
        # The office's name does not stand on a page of its own.
        layout.closing(stamp, _WIDTH, pdf.paragraph("特此告知。", _BODY), pdf.gap()),
    ]
    running = f"{stamp.office}　{said.name if len(said.name) < 31 else said.code}"
    return pdf.render(
        f"{said.title} {said.code}",
        running,
        story,
        sheet=pdf.PORTRAIT,
        foot=layout.foot(stamp),
        made_at=stamp.at,
    )


def _opening(said: Said) -> list[Flowable]:
    basis = "、".join(said.basis)
    what = (
        "现将预评结果及其理由、依据告知如下。"
        if said.preliminary
        else "等级已经发布，现将结果及其理由、依据告知如下。"
    )
    return [
        pdf.paragraph(f"{said.name}（定点编码 {said.code}，{said.district}）：", _TEXT),
        pdf.paragraph(
            f"依据{basis}，按照{said.scheme}（{said.authority}），对你店{said.period}的信用状况进行了评价。{what}",
            _BODY,
        ),
    ]


def _result(said: Said) -> list[Flowable]:
    pairs = [
        ("评价周期", said.period),
        ("信用分", f"{said.score} 分" if said.score else "—"),
        *said.facts,
    ]
    lines = []
    if said.reason:
        lines = ["没有等级的理由见“等级的变更”。" if said.changes else f"没有等级的理由：{said.reason}。"]
    if said.meaning:
        lines.append(said.meaning)
    if said.preliminary:
        lines.append(f"以上为公示中的预评结果，尚未正式发布{said.notice}。")
    grade = pdf.paragraph("本期无等级" if said.grade == _NONE else f"等级：{said.grade}", _GRADE)
    return [grade, pdf.facts(pairs, _WIDTH), *(pdf.paragraph(line, _BODY) for line in lines)]


def _reasons(said: Said) -> list[Flowable]:
    """Each indicator with its points and each fact that lost some, then how score and grade follow."""
    told = said.explanation
    if not told.rated:
        return [pdf.paragraph(line, _BODY) for line in (f"不予评级：{told.reason}", *told.outlook)]
    parts = [_rows(part) for part in told.indicators]
    sums = [*(part.text for part in told.components), told.score_text, told.band_text]
    sums += [f"{cap.text}" for cap in told.caps if cap.strikes]
    if said.reckoned != said.grade:
        sums.append(f"按以上事实计算的等级为{said.reckoned}；因下述变更，为{said.grade}。")
    if told.note:
        sums.append(f"规则说明：{told.note}")
    table = pdf.table(
        ("项目、事实和依据", "分值", "计至"), [row for rows in parts for row in rows], (10, 1.5, 1.7), _WIDTH
    )
    # Shaded are the indicators, whose points make the score; their facts stand below.
    starts = accumulate((len(rows) for rows in parts), initial=1)
    table.setStyle(TableStyle([("BACKGROUND", (0, at), (-1, at), pdf.SOFT) for at in list(starts)[:-1]]))
    return [
        table,
        pdf.gap(1 * mm),
        pdf.paragraph("底色为各项合计，其下为逐件明细。计至：没有新的事实时，从该月底起不再扣分。", _SMALL),
        *(pdf.paragraph(line, _SMALL) for line in sums),
    ]


def _rows(part: IndicatorPart) -> list[tuple[str, str, str]]:
    """Lines of the table of reasons: the indicator, then its facts; old facts that cost nothing are counted."""
    lines = part.growth.lines if part.growth else ()
    title = f"{part.title}（{part.clause}）：{''.join(lines)}{part.text}{part.remedy}"
    rows = [(title, _points(part.points), "")]
    counting = [fact for fact in part.facts if fact.points]
    rows += [
        (
            f"{number}．{fact.text}",
            _points(fact.points),
            month_end_text(fact.gone_on) if fact.gone_on else "五年内不减",
        )
        for number, fact in enumerate(counting, 1)
    ]
    if len(counting) < len(part.facts):
        rows.append((f"另有 {len(part.facts) - len(counting)} 件已不计分。", "0", ""))
    return rows


def _points(points: int) -> str:
    return decimal_text(points).replace("-", "−")


def _change_lines(said: Said) -> list[Flowable]:
    lines = []
    for change in said.changes:
        moved = "等级不变" if change.before == change.after else f"{change.before}变更为{change.after}"
        lines.append(f"{change.day}，{change.cause}：{moved}。理由：{change.text}。依据：{change.clause}。")
    return [pdf.paragraph(line.replace("。。", "。"), _BODY) for line in lines]


def _ahead(said: Said) -> list[Flowable]:
    """What would raise the grade, and what time alone brings."""
    if not said.explanation.rated or said.reckoned != said.grade:
        return []
    lines = list(said.explanation.outlook)
    if said.later:
        told = "；".join(f"{month}起 {grade}" for month, grade in said.later)
        lines.append(f"没有新的事实、其他情况不变时，等级随时间推移的变化为：{told}。")
    if len(lines) == 1:
        return [pdf.paragraph(lines[0], _BODY)]
    return [pdf.paragraph(f"（{number}）{line}", _BODY) for number, line in enumerate(lines, 1)]


def _rights(said: Said) -> list[Flowable]:
    rows = [(right.name, right.text, right.source) for right in said.rights]
    found = [pdf.table(("权利", "内容和期限", "依据"), rows, (1.9, 6.9, 3), _WIDTH)]
    if said.contact:
        found += [pdf.gap(1.5 * mm), pdf.paragraph(f"受理和咨询：{said.contact}", _TEXT)]
    return found


def _link(link: Link) -> Flowable:
    """The one-time link as a QR code, and plainly that it opens once."""
    words = [
        pdf.paragraph("告知链接：扫码可查看逐项说明，并在网上提出异议", _TEXT),
        pdf.paragraph(
            f"只能打开一次，之后只在当时的那台手机或电脑、那个浏览器里有效；有效至 {link.until}（含当日）。"
            "请由药店负责人本人扫码，勿将本页给他人。重新签发的，以新的为准。",
            _SMALL,
        ),
        pdf.paragraph(link.address, _SMALL),
    ]
    block = Table([[pdf.qr(link.address, _QR), words]], colWidths=[_QR + 4 * mm, _WIDTH - _QR - 4 * mm])
    block.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("BOX", (0, 0), (-1, -1), 0.6, pdf.TITLE.textColor),
            ]
        )
    )
    return KeepTogether([block])

"""The credit report (信用报告) of one pharmacy, for an official or for the pharmacy itself, for a stated purpose."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from reportlab.platypus import Flowable
from reportlab.platypus import Table as Grid

from creditsys import pdf
from creditsys.pdf_charts import ScorePoint, score_line
from creditsys.pdf_marks import grade_mark
from ratings.models import IssuedDocument, Pharmacy
from ratings.published import EVENTS, Grade
from ratings.reports import layout
from ratings.reports.credit_report_reading import CreditReport, Reasons, bound_to, credit_report
from ratings.rules.exact import decimal_text
from ratings.rules.explanation import FactLine, IndicatorPart
from ratings.rules.periods import Period
from ratings.rules.telling import month_end_text
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp, issue
from ratings.services.steps import local_day, shown_day

_WIDTH: Final = pdf.PORTRAIT.width
_MARK: Final = 46.0
_NONE: Final = "无等级"


def issue_report(
    pharmacy: Pharmacy, *, recipient: str, purpose: str, by: Actor, site: str, at: datetime | None = None
) -> IssuedDocument:
    """Issue the report of a pharmacy; for whom and what for stand in it and on record.

    Raises Refused as ``bound_to``, ``credit_report`` and ``documents.issue`` do.
    """
    moment = at or timezone.now()
    said = credit_report(pharmacy, bound_to(recipient, purpose), local_day(moment))
    about = About(
        IssuedDocument.Kind.REPORT,
        f"{said.name}信用报告",
        pharmacy=pharmacy,
        district=pharmacy.district,
        period=said.grade.period if said.grade else "",
        seq=said.grade.seq if said.grade else None,
        purpose=said.bound,
    )
    return issue(about, lambda stamp: drawn(said, stamp), by=by, site=site, at=moment)


def drawn(said: CreditReport, stamp: Stamp) -> bytes:
    """The PDF, several portrait pages."""
    story: list[Flowable] = [
        pdf.paragraph("定点零售药店信用报告", pdf.TITLE),
        pdf.paragraph(f"{said.bound}，不得另作他用。"),
        pdf.paragraph(
            f"本报告载明截至{shown_day(said.on)}的登记、公布的信用等级和现行有效的记录，由{stamp.office}出具。",
            pdf.CELL,
        ),
        *pdf.heading("登记信息"),
        pdf.facts(said.registry, _WIDTH),
        *pdf.heading("当前信用等级"),
        *_current(said),
        *_history(said),
        *(_reasons(said.reasons) if said.reasons else ()),
    ]
    for table in said.tables:
        story += layout.part(table)
    story += [pdf.gap(6), layout.closing(stamp, _WIDTH)]
    return pdf.render(
        f"{said.name}信用报告",
        layout.clipped(f"信用报告　{said.code}　{said.bound}　{said.name}"),
        story,
        sheet=pdf.PORTRAIT,
        foot=layout.foot(stamp),
        made_at=stamp.at,
    )


def _current(said: CreditReport) -> list[Flowable]:
    """The newest public grade with its mark and meaning, or why there is none."""
    grade = said.grade
    if grade is None:
        return [pdf.paragraph("没有公布过信用等级。")]
    scheme = said.rules[grade.scheme]
    pairs = [
        ("等级", _named(grade)),
        ("信用分", _points(grade.score)),
        ("评价周期", Period.parse(grade.period).label),
        ("有效期", _validity(grade)),
        ("排名", _ranks(grade)),
        ("公布", shown_day(local_day(grade.at))),
        ("公布序号", f"{grade.seq}（发布 {grade.publication}）"),
    ]
    words: list[Flowable] = [pdf.facts(pairs, _WIDTH - _MARK - 14)]
    if grade.position >= 0:
        words.append(pdf.paragraph(f"含义：{scheme.grades[grade.position].meaning}"))
    if grade.reason:
        words.append(pdf.paragraph(f"说明：{grade.reason}"))
    if not grade.holds(said.on):
        words.append(pdf.paragraph("该等级已过有效期，现在没有有效的信用等级。"))
    if grade.under_objection:
        words.append(pdf.paragraph("对该等级的异议正在处理。"))
    document = scheme.document
    words.append(pdf.paragraph(f"评价规则：《{document.title}》第{document.version}版", pdf.CELL))
    mark = grade_mark(grade.position, len(scheme.grades), grade.grade, _MARK)
    block = Grid([[mark, words]], colWidths=[_MARK + 14, _WIDTH - _MARK - 14])
    block.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    return [block]


def _history(said: CreditReport) -> list[Flowable]:
    """The line of scores, then every row of the ledger, newest first."""
    if not said.history:
        return []
    in_time = sorted(said.history, key=lambda row: (row.valid_from, row.period_end, row.seq))
    dots = [
        ScorePoint(row.valid_from, Period.parse(row.period).label, row.score, row.grade, row.position)
        for row in in_time
    ]
    names = [grade.name for grade in said.rules[said.history[-1].scheme].grades]
    table = layout.Table(
        "公布的信用等级",
        ("公布日期、序号", "种类", "评价周期", "等级", "信用分", "效力", "说明"),
        [
            (
                f"{shown_day(local_day(row.at))}\n{row.seq}",
                EVENTS[row.event],
                Period.parse(row.period).label,
                _named(row),
                _points(row.score),
                _validity(row),
                row.reason or "—",
            )
            for row in reversed(said.history)
        ],
        (2.6, 1.7, 2.3, 1.7, 1.4, 2.7, 3.6),
    )
    return layout.part(table, above=score_line(dots, names) if len(dots) > 1 else ())


def _reasons(told: Reasons) -> list[Flowable]:
    """Every point of the current grade with its clause, what would raise it, what time alone brings."""
    explanation = told.explanation
    known = timezone.localtime(told.cutoff)
    found = [
        *pdf.heading("当前等级的理由和依据"),
        pdf.paragraph(explanation.headline),
        pdf.paragraph(f"按{shown_day(known.date())} {known:%H:%M} 前记录的事实计算。", pdf.CELL),
    ]
    if told.judged:
        found.append(pdf.paragraph("公布的等级经调整，与按事实计算的等级不同，理由见“等级的变更”。"))
    if explanation.note:
        found.append(pdf.paragraph(f"规则说明：{explanation.note}", pdf.CELL))
    if explanation.rated:
        rows = [row for part in explanation.indicators for row in _indicator(part)]
        found += [
            pdf.gap(4),
            pdf.table(("项目、事实和依据", "分值", "计至"), rows, (10, 1.6, 2), _WIDTH),
            pdf.gap(4),
        ]
        sums = [
            *(part.text for part in explanation.components),
            explanation.score_text,
            explanation.band_text,
        ]
        sums += [f"{cap.text}（{cap.clause}）" for cap in explanation.caps if cap.strikes]
        found += [pdf.paragraph(line) for line in sums]
    else:
        found.append(pdf.paragraph(f"不予评级：{explanation.reason}"))
    if explanation.outlook:
        found += pdf.heading("如何提升等级" if explanation.rated else "何时评价")
        found += [pdf.paragraph(f"{number}．{line}") for number, line in enumerate(explanation.outlook, 1)]
    return [*found, *_ahead(told)]


def _indicator(part: IndicatorPart) -> list[tuple[str, str, str]]:
    """The indicator, then each of its facts."""
    lines = part.growth.lines if part.growth else ()
    title = "\n".join((f"{part.title}（{part.clause}）", *lines, f"{part.text}{part.remedy}"))
    return [
        (title, decimal_text(part.points), ""),
        *(
            (f"{number}．{fact.text}", decimal_text(fact.points), _until(fact))
            for number, fact in enumerate(part.facts, 1)
        ),
    ]


def _until(fact: FactLine) -> str:
    if not fact.points:
        return "—"
    return month_end_text(fact.gone_on) if fact.gone_on else "五年内不减"


def _ahead(told: Reasons) -> list[Flowable]:
    """What time alone brings, month by month."""
    stages = told.explanation.timeline
    if not stages:
        return []
    rows = [
        (
            month_end_text(stage.day),
            "\n".join(f"{text}。" for text in stage.texts) or "记录的分值随时间递减。",
            decimal_text(stage.score) if stage.position >= 0 else "—",
            _stage_grade(stage.position, told)
            + ("（变好）" if stage.better else "（变差）" if stage.worse else ""),
        )
        for stage in stages
    ]
    return layout.part(
        layout.Table(
            "随时间推移的变化",
            ("时间", "变化", "信用分", "等级"),
            rows,
            (2, 8.4, 1.6, 2.4),
            note="没有新的事实、其他情况不变时的变化。以后各期评价仍按当时的事实重新计算。",
        )
    )


def _stage_grade(position: int, told: Reasons) -> str:
    return " ".join(told.grades[position]) if position >= 0 else "不予评级"


def _named(grade: Grade) -> str:
    return f"{grade.grade} {grade.label}" if grade.position >= 0 else _NONE


def _points(score: int | None) -> str:
    return "—" if score is None else decimal_text(score)


def _validity(grade: Grade) -> str:
    """Since when, and until which day, that day included."""
    if grade.valid_until is None:
        return f"{shown_day(grade.valid_from)}起，至下一次公布"
    return f"{shown_day(grade.valid_from)}至{shown_day(grade.valid_until - timedelta(days=1))}"


def _ranks(grade: Grade) -> str:
    ranks = (("区县", grade.rank_district), ("全市", grade.rank_city))
    return "，".join(f"{where}第 {rank:,} 名" for where, rank in ranks if rank) or "不排名"

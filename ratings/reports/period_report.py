"""评价周期报告: a published period for those who lead, with charts over tables and how all of it is verified."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.utils import timezone
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, PageBreak

from creditsys import chart_parts, pdf, pdf_charts
from creditsys.chart_parts import Cell, Series
from ratings.insight import discretion, growth, handling
from ratings.insight.discretion import Share
from ratings.insight.grades import ABSENT, NO_GRADE, Issue
from ratings.insight.limits import Struck
from ratings.insight.scales import common_scale
from ratings.insight.shares import percent, ratio_percent
from ratings.models import Adjustment, District, IssuedDocument, Objection, RatingPeriod
from ratings.reports import layout, period_figures
from ratings.reports.period_figures import BeforeAfter, PeriodFigures
from ratings.rules.moves import OPEN_REPAIR, REPAIR_STATES
from ratings.rules.periods import Period, add_months
from ratings.rules.vocabulary import COMPLAINT_TOPICS, VIOLATION_KINDS
from ratings.services import documents
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp
from ratings.services.steps import shown_day

#: Pharmacies that are named; the report says how many more there are.
NAMED: Final = 50
#: Kinds of violations and complaints that are shown, the dearest ones.
KINDS: Final = 10
_QUARTERS: Final = 12
#: A place for no grade.
_WORSE_THAN_ANY: Final = 1_000
_WIDTH: Final = pdf.PORTRAIT.width
_SUMMARY: Final = ParagraphStyle(
    "summary", pdf.BODY, fontSize=10.5, leading=17, spaceAfter=5, firstLineIndent=21
)
#: Goes to the next page with the figure below it.
_PART: Final = ParagraphStyle("part", pdf.HEADING, keepWithNext=1)
_NOTE: Final = ParagraphStyle("note", pdf.CELL, spaceBefore=4)
_LABELS: Final = {term.id: term.label for words in (VIOLATION_KINDS, COMPLAINT_TOPICS) for term in words}
_WAYS: Final = (Series("调高", "a"), Series("调低", "b"))
_OUTCOMES: Final = (
    Series("成立", "a"), Series("不成立", "b"), Series("撤回", "d"), Series("办理中", "c"),
)  # fmt: skip


def issue_period_report(
    period: RatingPeriod, district: District | None, *, by: Actor, site: str, at: datetime | None = None
) -> IssuedDocument:
    """Issue the report on a period, of ``district`` or of all that was rated; ``site``: see ``documents.issue``.

    Raises Refused for a period that is not published, and for a district that it did not rate.
    """
    said = period_figures.read(period, district, at or timezone.now())
    kind = IssuedDocument.Kind.PERIOD_REPORT
    about = About(kind, title(said), district=said.district, period=period.period)
    return documents.issue(about, lambda stamp: drawn(said, stamp), by=by, site=site, at=said.at)


def title(said: PeriodFigures) -> str:
    """What the report is called."""
    return f"{said.label}定点零售药店信用评价报告（{said.scope}）"


def drawn(said: PeriodFigures, stamp: Stamp) -> bytes:
    """The report as a PDF."""
    story: list[Flowable] = [
        pdf.paragraph(title(said), pdf.TITLE),
        pdf.paragraph(f"{stamp.office}　{shown_day(stamp.at.date())}　编号 {stamp.number}", pdf.CELL),
        *pdf.heading("摘要"),
        *(pdf.paragraph(text, _SUMMARY) for text in summary(said)),
        pdf.gap(),
        layout.verification(stamp, _WIDTH),
        PageBreak(),
    ]
    parts = (
        ("评价依据和办理过程", _basis), ("等级分布", _grades), ("与上期比较", _moved), ("扣分原因", _losses),
        ("等级限制和不予评级", _limits), ("等级调整和自由裁量", _changes), ("异议和信用修复", _redress),
        ("投诉和基金支付", _effects), ("需要关注的药店", _low), ("怎样核验", _verified),
    )  # fmt: skip
    for number, (heading, part) in zip("一二三四五六七八九十", parts, strict=True):
        story += [CondPageBreak(30 * mm), pdf.paragraph(f"{number}、{heading}", _PART), *part(said)]
    story += [pdf.gap(), layout.signed_off(stamp)]
    running = "　".join(filter(None, (title(said), layout.demo())))
    return pdf.render(
        title(said), running, story, sheet=pdf.PORTRAIT, foot=layout.foot(stamp), made_at=stamp.at
    )


# The first page


def summary(said: PeriodFigures) -> list[str]:
    """The key figures as sentences."""
    total = said.total
    published, graded = total.total(), total.total() - total[NO_GRADE]
    found = [
        f"{said.label}，{said.scope}公布定点零售药店 {published:,} 家，其中评定等级 {graded:,} 家，"
        f"不予评级或无等级 {total[NO_GRADE]:,} 家。依据{_scheme(said)}，数据截至 {_moment(said.period.run.cutoff)}。",
        "等级分布：" + "，".join(
            f"{name} {label} {total[place]:,} 家（{_share(total[place], published)}）"
            for place, (name, label) in enumerate(said.issue.grades)
        ) + "。",
        *([_best_and_worst(said)] if len(said.counts) > 1 else []),
        _moved_told(said),
        _losses_told(said),
        f"触发等级限制而降低等级 {said.limited:,} 家" + (f"，最多的是“{said.limits[0].title}”" if said.limits else "")
        + "。",
        _judged_told(said.discretion),
        _objections_told(said),
    ]  # fmt: skip
    if said.growth:
        found.append(_effects_told(said.growth))
    found.append(_low_told(said))
    found.append(
        f"本期以第 {said.publication.number} 号发布公布，发布声明有电子签名，可以核验（见第十部分）。"
    )
    return found


def _best_and_worst(said: PeriodFigures) -> str:
    high, low = (f"{said.districts[code]}（{_share(*said.best_of(code))}）" for code in said.by_best_grade)
    return f"各区县中，{said.issue.grades[0][0]} 级占比最高的是{high}，最低的是{low}。"


def _moved_told(said: PeriodFigures) -> str:
    if said.before is None:
        return "本期是首次公布，没有上期可比。"
    shared = common_scale(*([name for name, _ in issue.grades] for issue in (said.before, said.issue)))
    if shared is None:
        return f"上期为{_label(said.before)}，两期规则的等级没有共同的次序，升降不作合计，见第三部分。"
    sums = {"up": 0, "down": 0, "same": 0, "new": 0}
    for (left, right), count in said.moves.items():
        if ABSENT in (left, right):
            sums["new"] += count * (left == ABSENT)
            continue
        one = shared[0][left] if left >= 0 else _WORSE_THAN_ANY
        other = shared[1][right] if right >= 0 else _WORSE_THAN_ANY
        sums["up" if other < one else "down" if other > one else "same"] += count
    return (
        f"与{_label(said.before)}相比：上升 {sums['up']:,} 家，下降 {sums['down']:,} 家，不变 {sums['same']:,} 家，"
        f"新公布 {sums['new']:,} 家。"
    )


def _losses_told(said: PeriodFigures) -> str:
    dearest = next((one for one in said.losses if one.kind), None)
    if dearest is None:
        return "没有因违法违规或举报投诉扣分。"
    return (
        f"扣分最多的是“{_LABELS[dearest.kind]}”：{dearest.facts:,} 件，涉及 {dearest.pharmacies:,} 家，"
        f"共 {_points(dearest.points)} 分。"
    )


def _judged_told(one: Share) -> str:
    return (
        f"依规调整（自由裁量）提出 {one.proposed:,} 件，批准 {one.approved:,} 件，"
        f"占已评级药店的 {_share(one.approved, one.reviewed, 2)}；其中调高 {one.up:,} 件，调低 {one.down:,} 件。"
    )


def _objections_told(said: PeriodFigures) -> str:
    whole = handling.all_grounds(said.grounds.values())
    repairs = said.repairs
    return (
        f"收到异议 {whole.received:,} 件，成立 {whole.upheld:,} 件，不成立 {whole.rejected:,} 件"
        f"（复核改为成立 {whole.upheld_on_review:,} 件），办理中 {whole.open:,} 件。"
        f"{shown_day(said.repairs_since)}以来收到信用修复申请 {repairs.total():,} 件，准予 {repairs['GRANTED']:,} 件。"
    )


def _effects_told(found: BeforeAfter) -> str:
    before, after = found.complaints
    span = "一年" if found.months == growth.MONTHS else f" {found.months} 个月"
    text = f"药店骗保类投诉由制度起始（{layout.month_text(found.start)}）前{span}的 {before.fraud:,} 件变为起始后的 {after.fraud:,} 件"
    if found.payments:
        one, other = (ratio_percent(side.growth) for side in found.payments)
        text += f"；同期基金支付增幅由 {_cell(one)}% 变为 {_cell(other)}%"
    return f"{text}。前后对比不等于因果。"


def _low_told(said: PeriodFigures) -> str:
    worst = said.issue.grades[-1][0]
    return f"等级为 {worst} 或比上期下降{_steps()}级以上的药店共 {len(said.low):,} 家，见第九部分。"


def _steps() -> str:
    return "零一两三四"[period_figures.STEPS]


# The parts


def _basis(said: PeriodFigures) -> Iterable[Flowable]:
    period, run = said.period, said.period.run
    notice = "—"
    if period.notice_from and period.notice_until:
        notice = f"{shown_day(period.notice_from)}至{shown_day(period.notice_until)}"
    yield pdf.facts(
        [
            ("评价周期", f"{said.label}（至 {shown_day(period.period_end)}）"),
            ("报告范围", said.scope),
            ("评价规则", _scheme(said)),
            ("评价批次", f"#{run.pk}，范围{period.scope}"),
            ("数据截止", _moment(run.cutoff)),
            ("发布号", f"{said.publication.number}"),
            ("开始审核", _day(period.reviewed_at)),
            ("公示", notice),
            ("审定", _day(period.finalised_at)),
            ("发布", _day(period.published_at)),
            ("规则指纹", run.scheme_sha256),
            ("结果指纹", run.outcomes_sha256),
            ("声明指纹", said.publication.statement_sha256),
            ("统计时点", _moment(said.at)),
        ],
        _WIDTH,
    )
    yield pdf.paragraph(
        "等级分布和与上期比较取自公布等级台账；其后的异议、修复和期间变动不计入。扣分、限制和不予评级取自评价批次；"
        "调整、异议、修复、投诉和支付以统计时点所知为准。",
        _NOTE,
    )


def _grades(said: PeriodFigures) -> Iterable[Flowable]:
    series = [
        Series(f"{name} {label}", chart_parts.grade_fill(place, len(said.issue.grades)))
        for place, (name, label) in enumerate(said.issue.grades)
    ] + [Series("无等级", "none")]
    places = [*range(len(series) - 1), NO_GRADE]
    counted = [
        (said.districts[code], [found[place] for place in places])
        for code, found in sorted(said.counts.items())
    ]
    if len(counted) > 1:
        counted.insert(0, ("合计", [said.total[place] for place in places]))
    yield from pdf_charts.stacked("各区县等级分布（家）", series, counted)
    heads = [one.name for one in series]
    best = series[0].name.split(" ")[0]
    rows = [[name, sum(counts), *counts, percent(counts[0], sum(counts))] for name, counts in counted]
    yield _table(["区县", "药店", *heads, f"{best}（%）"], rows, [2, *[1] * (len(heads) + 2)])


def _moved(said: PeriodFigures) -> Iterable[Flowable]:
    if said.before is None:
        yield pdf.paragraph("本期是首次公布，没有上期可比。")
        return
    left, right = _states(said.before), _states(said.issue)
    lines = []
    for place, name in left.items():
        counts = [said.moves.get((place, to), 0) for to in right]
        total = sum(counts)
        cells = [
            Cell(
                f"{count:,}",
                count / total if total else 0.0,
                sub=_share(count, total) if count else "",
                kept=name == right[to] and place != ABSENT,
            )
            for to, count in zip(right, counts, strict=True)
        ]
        lines.append((name, [*cells, Cell(f"{total:,}")]))
    sums = [sum(count for (_, to), count in said.moves.items() if to == place) for place in right]
    lines.append(("合计", [Cell(f"{count:,}") for count in (*sums, sum(sums))]))
    yield from pdf_charts.matrix(
        f"{_label(said.before)}（行）至{said.label}（列）的等级变动（家）",
        "上期 ＼ 本期",
        [*right.values(), "合计"],
        lines,
    )
    note = "框内为未变动的，占比以各行合计为分母；“未公布”指该期没有公布该店的等级（新定点或已退出）；承继他店的，与前身比较。"
    if said.before.scheme != said.issue.scheme:
        note += "两期规则不同，同名等级的含义可能不同。"
    yield pdf.paragraph(note, _NOTE)


def _states(issue: Issue) -> dict[int, str]:
    names = {place: f"{name} {label}" for place, (name, label) in enumerate(issue.grades)}
    return {**names, NO_GRADE: "无等级", ABSENT: "未公布"}


def _losses(said: PeriodFigures) -> Iterable[Flowable]:
    titles = {one.id: one.title for one in said.scheme.indicators}
    for what, kinds in (("各指标", False), ("各类违法违规和举报投诉", True)):
        found = [one for one in said.losses if bool(one.kind) == kinds]
        shown = found[:KINDS] if kinds else found
        if not shown:
            yield pdf.paragraph(f"{what}：没有扣分。")
            continue
        names = [_LABELS[one.kind] if kinds else titles.get(one.indicator, one.indicator) for one in shown]
        drawn_ = [(name, [round(one.points / 1000)]) for name, one in zip(names, shown, strict=True)]
        yield from pdf_charts.stacked(f"{what}扣分（分）", chart_parts.plain("扣分"), drawn_, share=False)
        total = sum(one.points for one in found)
        rows = [
            [name, _points(one.points), percent(one.points, total), *([one.facts] if kinds else []),
             one.pharmacies, percent(one.pharmacies, said.rated)]
            for name, one in zip(names, shown, strict=True)
        ]  # fmt: skip
        heads = ["原因", "扣分（分）", "占比（%）", *(["件数"] if kinds else []), "涉及药店", "占已评级（%）"]
        yield _table(heads, rows, [3, *[1.2] * (len(heads) - 1)])
        if len(found) > len(shown):
            yield pdf.paragraph(f"列扣分最多的 {KINDS} 类，另有 {len(found) - len(shown)} 类。", _NOTE)


def _limits(said: PeriodFigures) -> Iterable[Flowable]:
    excluded = sum(one.pharmacies for one in said.not_rated)
    yield pdf.paragraph(
        f"因限制而低于按分数应得等级的药店 {said.limited:,} 家；一家同时触发几项的，各计一次。"
        f"评价时不予评级 {excluded:,} 家，公布时无等级 {said.total[NO_GRADE]:,} 家（含评价以后撤回等级的）。"
    )
    yield from _struck("等级限制", said.limits)
    yield from _struck("不予评级的理由", said.not_rated)


def _struck(what: str, found: Sequence[Struck]) -> Iterable[Flowable]:
    if not found:
        yield pdf.paragraph(f"{what}：无。")
        return
    drawn_ = [(one.title, [one.pharmacies]) for one in found]
    yield from pdf_charts.stacked(f"{what}（家）", chart_parts.plain("药店"), drawn_, share=False)
    rows = [[one.title, one.clause, one.pharmacies] for one in found]
    yield _table([what, "依据", "药店"], rows, [4, 4, 1])


def _changes(said: PeriodFigures) -> Iterable[Flowable]:
    yield pdf.paragraph(_judged_told(said.discretion))
    titles = {one.id: one.title for one in said.scheme.document.adjustments}
    heads = ["事由", "提出", "批准", "未批准", "其中调高", "其中调低"]

    def row(name: str, one: Share) -> list[object]:
        return [name, one.proposed, one.approved, one.rejected, one.up, one.down]

    if said.judged:
        named = [(titles.get(key, key), one) for key, one in said.judged.items()]
        drawn_ = [(name, [one.up, one.down]) for name, one in named]
        yield from pdf_charts.stacked("批准的依规调整，按事由（件）", _WAYS, drawn_, share=False)
        yield _table(heads, [row(*one) for one in [*named, ("合计", said.discretion)]], [4, 1, 1, 1, 1, 1])
    if from_facts := {
        key: one for key, one in discretion.by_cause(said.changes).items() if key != discretion.JUDGEMENT
    }:
        labels = {key: str(label) for key, label in Adjustment.Cause.choices}
        yield pdf.paragraph("由事实决定、不属自由裁量的等级变动：", pdf.CAPTION)
        yield _table(heads, [row(labels[key], one) for key, one in from_facts.items()], [4, 1, 1, 1, 1, 1])


def _redress(said: PeriodFigures) -> Iterable[Flowable]:
    labels = {key: str(label) for key, label in Objection.Ground.choices}
    named = [(labels[key], said.grounds[key]) for key in labels if key in said.grounds]
    if len(named) > 1:
        named.append(("合计", handling.all_grounds(said.grounds.values())))
    if named:
        counted = [(name, [one.upheld, one.rejected, one.withdrawn, one.open]) for name, one in named]
        yield from pdf_charts.stacked("对本期的异议（件）", _OUTCOMES, counted, share=False)
        rows = [
            [name, one.received, *counts, one.upheld_on_review, _cell(one.median_days)]
            for (name, one), (_, counts) in zip(named, counted, strict=True)
        ]
        heads = ["理由", "收到", *(one.name for one in _OUTCOMES), "复核改为成立", "用时中位数（工作日）"]
        yield _table(heads, rows, [2, 1, 1, 1, 1, 1, 1.4, 1.8])
    else:
        yield pdf.paragraph("没有收到对本期的异议。")
    yield pdf.paragraph(
        f"信用修复：{shown_day(said.repairs_since)}至统计时点收到的申请，现在的状态（件）", pdf.CAPTION
    )
    states = [(term.label, said.repairs[term.id]) for term in REPAIR_STATES]
    open_ = sum(said.repairs[one] for one in OPEN_REPAIR)
    heads = ["收到", *(label for label, _ in states), "其中办理中"]
    yield _table(heads, [[said.repairs.total(), *(count for _, count in states), open_]])


def _effects(said: PeriodFigures) -> Iterable[Flowable]:
    found = said.growth
    if found is None:
        yield pdf.paragraph("没有可比的起始时间。")
        return
    shown = list(found.by_quarter)[-_QUARTERS:]
    counted = [
        (
            layout.quarter_text(one),
            [found.by_quarter[one].fraud, found.by_quarter[one].received - found.by_quarter[one].fraud],
        )
        for one in shown
    ]
    series = chart_parts.plain("药店骗保类", "其他")
    yield from pdf_charts.bars("各季度收到的投诉（件）", series, counted, mark=_start(found.start, shown))
    known = [one for one, value in found.growth_by_quarter.items() if value is not None]
    paid = [one for one in found.growth_by_quarter if known and one >= known[0]][-_QUARTERS:]
    growths = [found.growth_by_quarter[one] for one in paid]
    yield from pdf_charts.lines(
        "各季度基金支付同期增幅（%）",
        chart_parts.plain("同期增幅"),
        [layout.quarter_text(one) for one in paid],
        [[None if one is None else 100 * one for one in growths]],
        unit="%",
        mark=_start(found.start, paid),
    )
    rows: list[list[object]] = [
        ["药店骗保类投诉（件）", *(one.fraud for one in found.complaints)],
        ["其中查证属实（件）", *(one.fraud_verified for one in found.complaints)],
        ["全部投诉（件）", *(one.received for one in found.complaints)],
        ["其中查证属实（件）", *(one.verified for one in found.complaints)],
    ]
    if found.payments:
        rows += [
            ["基金支付（元）", *(Decimal(one.paid).scaleb(-2) for one in found.payments)],
            ["同期增幅：全部药店合计（%）", *(ratio_percent(one.growth) for one in found.payments)],
            ["同期增幅：可比药店合计（%）", *(ratio_percent(one.comparable) for one in found.payments)],
            ["同期增幅：可比药店中位数（%）", *(ratio_percent(one.median) for one in found.payments)],
        ]
    text, last = layout.month_text, found.months - 1
    starts = (add_months(found.start, -12), found.start)
    spans = [f"{text(first)}至{text(add_months(first, last))}" for first in starts]
    yield _table(["指标", f"起始前：{spans[0]}", f"起始后：{spans[1]}"], rows, [3, 2, 2])
    yield pdf.paragraph(
        "投诉按收到日期计，不含不予受理的，查证属实以统计时点的结论为准；同期增幅＝本期÷上年相同月份－1；可比药店为两期支付都大于零的。"
        "起始为首个公布周期结束后的 1 月 1 日。前后对比不等于因果：同期的政策、药店增减等都有影响。",
        _NOTE,
    )


def _start(start: date, quarters: Sequence[date]) -> tuple[int, str] | None:
    at = growth.quarter_of(start)
    return (quarters.index(at), "起始") if at in quarters else None


def _low(said: PeriodFigures) -> Iterable[Flowable]:
    yield pdf.paragraph(_low_told(said).replace("，见第九部分", ""))
    named = said.low[:NAMED]
    if not named:
        return
    rows = [[one.code, one.name, one.district, one.before, one.after, one.score] for one in named]
    yield _table(["定点编码", "药店", "区县", "上期", "本期", "信用分"], rows, [1.7, 4, 1.4, 1, 1, 1])
    if len(said.low) > len(named):
        yield pdf.paragraph(
            f"列前 {NAMED} 家（等级差的、分数差的在前），另有 {len(said.low) - NAMED:,} 家。", _NOTE
        )


def _verified(said: PeriodFigures) -> Iterable[Flowable]:
    run, publication = said.period.run, said.publication
    steps = (
        "本报告：扫描首页二维码，或在核验地址输入验证码，核对编号、签发日期和文件指纹。",
        f"公布的等级：在网站“核验”页面（/verify/）输入声明指纹或上传第 {publication.number} 号发布文件，"
        "即可知道是否真实、是否被改动；也可以用公开的核验程序（verifier.py）和本市公钥自行核验。",
        f"评价结果：系统管理员执行 manage.py replay {run.pk}，由当时的事实和规则重新计算，结果指纹须与本报告一致。",
        "等级的每一次变动、每一件调整和异议，都在系统的操作记录中有经办人、时间和理由，记录前后相连，不能改动。",
    )
    for number, text in enumerate(steps, 1):
        yield pdf.paragraph(f"{number}. {text}")


# Words


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]], shares: Sequence[float] = ()) -> Flowable:
    written = [[_cell(value) for value in row] for row in rows]
    return pdf.table(heads, written, shares, _WIDTH)


def _cell(value: object) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int | Decimal) else str(value)


def _points(thousandths: int) -> str:
    return f"{Decimal(thousandths).scaleb(-3).normalize():,f}"


def _share(part: int, whole: int, places: int = 1) -> str:
    """Percent, half up; — where there is no whole."""
    if not whole:
        return "—"
    scale = 10 ** (places + 2)
    return f"{Decimal((2 * scale * part + whole) // (2 * whole)).scaleb(-places):f}%"


def _scheme(said: PeriodFigures) -> str:
    scheme = said.period.run.scheme
    return f"《{scheme.title}》第{scheme.version}版"


def _label(issue: Issue) -> str:
    return Period.parse(issue.period).label


def _day(at: datetime | None) -> str:
    return "—" if at is None else shown_day(timezone.localdate(at))


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{shown_day(local.date())} {local:%H:%M}"

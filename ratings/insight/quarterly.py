"""The quarterly statistics table (季度统计表): what each figure is, and one quarter's figures by district.

A table for a quarter is handed in by day 10 of the month after it. It counts what happened on the
quarter's days, as known at a cutoff: recorded by then and not voided by then. So the figures that
were handed in can be counted again whenever; a later cutoff shows what came in late.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from ratings.models import District
from ratings.rules.periods import Period, add_months
from ratings.services.errors import Refused
from ratings.working_days import is_working_day

#: The day of the month after the quarter by which the table is due.
DUE_DAY: Final = 10
FEN: Final = "fen"


@dataclass(frozen=True, slots=True)
class Figure:
    """One column of the table."""

    id: str
    group: str
    title: str
    #: 家, 件, 次, or FEN for money
    unit: str
    #: what is counted, by which day, from which record
    meaning: str


_DECIDED: Final = "决定日期在本季度内、截至数据截止时间已记录且未作废的违法违规决定"
_BY_TEXT: Final = "按“处理措施”一栏的文字归类，一件决定可计入几类"

#: (id, title, words in the field 处理措施 that mean it)
MEASURES: Final = (
    ("talks", "约谈", ("约谈",)),
    ("orders", "限期整改", ("整改", "责令改正")),
    ("refunds", "追回（退回）", ("追回", "退回", "退还")),
    ("unpaid", "拒付", ("不予支付", "拒付", "扣减")),
    ("suspended_pay", "暂停结算", ("暂停结算",)),
    ("damages", "违约金", ("违约金",)),
    ("fines", "罚款", ("罚款",)),
    (
        "suspended",
        "暂停（中止）协议",
        ("中止协议", "暂停协议", "中止服务协议", "暂停服务协议", "暂停医保服务"),
    ),
    ("ended", "解除协议", ("解除协议", "解除服务协议")),
    ("transferred", "移送", ("移送",)),
)

FIGURES: Final = (
    Figure("designated", "定点药店", "季末定点", "家", "季度末日仍定点的药店，按数据截止时间所知的登记"),
    Figure("joined", "定点药店", "新增", "家", "定点起始日在本季度内"),
    Figure("left", "定点药店", "终止", "家", "定点终止日（不再定点的首日）在本季度内"),
    Figure("found", "查处", "被处理药店", "家", f"本季度内至少有一件{_DECIDED}的药店，同一药店只计一次"),
    Figure("cases", "查处", "决定", "件", _DECIDED),
    Figure("penalties", "查处", "行政处罚", "件", f"其中处理性质为行政处罚的；{_DECIDED}"),
    Figure("agreements", "查处", "协议处理", "件", f"其中处理性质为协议处理的；{_DECIDED}"),
    Figure("serious", "查处", "情节严重", "件", f"其中情节为严重的；{_DECIDED}"),
    *(
        Figure(id_, "处理措施", title, "件", f"{_BY_TEXT}：含“{'”“'.join(words)}”的决定")
        for id_, title, words in MEASURES
    ),
    Figure("other_measures", "处理措施", "其他或未写明", "件", "处理措施为空，或不含以上任何字样的决定"),
    Figure("amount", "金额", "涉及基金", FEN, "本季度决定的“涉及基金”之和"),
    Figure(
        "recovered",
        "金额",
        "责令追回",
        FEN,
        "处理措施含“追回”“退回”“退还”的决定的“涉及基金”之和；实际到账数系统没有记录",
    ),
    Figure("received", "举报投诉", "收到", "件", "收到日期在本季度内"),
    Figure("verified", "举报投诉", "查证属实", "件", "结论日期在本季度内、查实结论为查证属实"),
    Figure("unfounded", "举报投诉", "查无实据", "件", "结论日期在本季度内、查实结论为查无实据"),
    Figure(
        "closed",
        "举报投诉",
        "办结",
        "件",
        "结论日期在本季度内、状态为已办结；办结日没有单独记录，以结论日期计",
    ),
    Figure(
        "pending",
        "举报投诉",
        "季末未结论",
        "件",
        "季度末日以前收到，截至季度末日尚无结论，且不是不予受理",
    ),
    Figure("graded", "公布等级", "定期公布", "家次", "本季度内发布的定期评价中有等级的药店"),
    Figure("ungraded", "公布等级", "不予评级", "家次", "本季度内发布的定期评价中没有等级的药店"),
    Figure("interim", "公布等级", "期间变动", "次", "本季度内因期间变动重新公布的等级"),
    Figure("corrected", "公布等级", "更正", "次", "本季度内因异议成立或更正重新公布的等级"),
    Figure("repaired", "公布等级", "因修复变更", "次", "本季度内因信用修复重新公布的等级"),
    Figure("withdrawn", "公布等级", "撤回", "次", "本季度内撤回的等级"),
    Figure("objections", "异议", "收到", "件", "递交日期在本季度内"),
    Figure("upheld", "异议", "成立", "件", "决定之日在本季度内、认定成立"),
    Figure("rejected", "异议", "不成立", "件", "决定之日在本季度内、认定不成立（其后申请复核的也计入）"),
    Figure("reviewed", "异议", "复核改变", "件", "复核决定之日在本季度内、复核认定成立"),
    Figure("applied", "信用修复", "申请", "件", "申请日期在本季度内"),
    Figure("granted", "信用修复", "准予", "件", "决定之日在本季度内、准予修复"),
    Figure("refused", "信用修复", "不予", "件", "决定之日在本季度内、不予修复"),
)
#: What the table of the field wants and this system does not hold.
NOT_HELD: Final = "“检查家数”：系统只记录已作出的决定，没有检查台账，须由填报单位另行填写。"


IDS: Final = tuple(figure.id for figure in FIGURES)


@dataclass(frozen=True, slots=True)
class Due:
    """By when a quarter's table is to be handed in."""

    #: day 10 of the month after the quarter
    day: date
    #: that day or, where nobody works on it, the last working day before it
    last_working_day: date
    #: False where that year's calendar is not announced, so that weekends alone were reckoned
    known: bool


@dataclass(frozen=True, slots=True)
class Quarterly:
    """One quarter's figures."""

    quarter: Period
    #: facts recorded by then count
    cutoff: datetime
    due: Due
    #: (district code, name, figure id to number), by code
    rows: Sequence[tuple[int, str, Mapping[str, int]]]
    total: Mapping[str, int]


def quarter_of(code: str) -> Period:
    """The quarter written ``2026Q3``. Raises Refused for anything else."""
    try:
        period = Period.parse(code)
    except ValueError:
        period = None
    if period is None or period.months != 3:
        raise Refused(f"季度“{code}”无法识别：请写成 2026Q3。")
    return period


def due_of(quarter: Period) -> Due:
    """The term of a quarter's table.

    The source says "by day 10" and not whether a day of rest moves it. So the earlier reading is
    taken: whoever hands in on the last working day up to day 10 is in time by either.
    """
    day = add_months(quarter.first, 3).replace(day=DUE_DAY)
    known, last = True, day
    while True:
        works, announced = is_working_day(last)
        known &= announced
        if works:
            return Due(day, last, known)
        last -= timedelta(days=1)


def cutoff_of(quarter: Period, now: datetime) -> datetime:
    """What the table handed in was made of: known by the end of day 10, or until now before that."""
    end = datetime.combine(due_of(quarter).day + timedelta(days=1), time.min, timezone.get_default_timezone())
    return min(end, now)


def quarterly(quarter: Period, *, cutoff: datetime, districts: Collection[int] | None = None) -> Quarterly:
    """Count a quarter by district, of all districts or those given; seven queries.

    Raises Refused for a quarter that has not begun at the cutoff.
    """
    if timezone.localdate(cutoff) < quarter.first:
        raise Refused(f"{quarter.label}尚未开始（{quarter.first}）。")
    names = District.objects.order_by("code")
    if districts is not None:
        names = names.filter(code__in=districts)
    known = dict(names.values_list("code", "name"))
    params: dict[str, Any] = {
        "first": quarter.first,
        "last": quarter.last,
        "cutoff": cutoff,
        "zone": timezone.get_default_timezone_name(),
        "districts": list(known),
        **{f"words_{id_}": [f"%{word}%" for word in words] for id_, _, words in MEASURES},
    }
    counts = {code: dict.fromkeys(IDS, 0) for code in known}
    with connection.cursor() as cursor:
        for sql in _QUERIES:
            cursor.execute(sql, params)
            columns = [column.name for column in cursor.description or ()][1:]
            for district, *values in cursor.fetchall():
                counts[district].update(zip(columns, map(int, values), strict=True))
    return Quarterly(
        quarter=quarter,
        cutoff=cutoff,
        due=due_of(quarter),
        rows=[(code, known[code], found) for code, found in counts.items()],
        total={id_: sum(found[id_] for found in counts.values()) for id_ in IDS},
    )


_KNOWN: Final = "{0}.recorded_at <= %(cutoff)s AND ({0}.voided_at IS NULL OR {0}.voided_at > %(cutoff)s)"
_IN_QUARTER: Final = "BETWEEN %(first)s AND %(last)s"
#: The pharmacy of a fact in the registry as known at the cutoff, in the districts asked for.
_SHOP: Final = (
    f"JOIN ratings_pharmacyversion s ON s.pharmacy_id = {{0}} AND {_KNOWN.format('s')}"
    " AND s.district_id = ANY(%(districts)s)"
)


def _count(**conditions: str) -> str:
    return ", ".join(
        f'count(*) FILTER (WHERE {condition}) AS "{id_}"' for id_, condition in conditions.items()
    )


def _day(column: str) -> str:
    """A moment's day in Asia/Shanghai, for moments that were known at the cutoff."""
    return f"{column} <= %(cutoff)s AND ({column} AT TIME ZONE %(zone)s)::date {_IN_QUARTER}"


_TAKEN: Final = {id_: f"v.measures LIKE ANY(%(words_{id_})s)" for id_, _, _ in MEASURES}
#: Each gives a district and figures, named as in FIGURES.
_QUERIES: Final = (
    f"""SELECT s.district_id, {
        _count(
            designated="s.designated_on <= %(last)s AND (s.designated_until IS NULL OR s.designated_until > %(last)s)",
            joined=f"s.designated_on {_IN_QUARTER}",
            left=f"s.designated_until {_IN_QUARTER}",
        )
    }
    FROM ratings_pharmacyversion s
    WHERE {_KNOWN.format("s")} AND s.district_id = ANY(%(districts)s) GROUP BY 1""",
    f"""SELECT s.district_id, count(DISTINCT v.pharmacy_id) AS found, {
        _count(
            cases="true",
            penalties="v.track = 'PENALTY'",
            agreements="v.track = 'AGREEMENT'",
            serious="v.gravity = 'SERIOUS'",
            **_TAKEN,
            other_measures=f"NOT ({' OR '.join(_TAKEN.values())})",
        )
    },
    coalesce(sum(v.amount_fen), 0) AS amount,
    coalesce(sum(v.amount_fen) FILTER (WHERE {_TAKEN["refunds"]}), 0) AS recovered
    FROM ratings_violation v {_SHOP.format("v.pharmacy_id")}
    WHERE {_KNOWN.format("v")} AND v.decided_on {_IN_QUARTER} GROUP BY 1""",
    f"""SELECT s.district_id, {
        _count(
            received=f"c.occurred_on {_IN_QUARTER}",
            verified=f"c.decided_on {_IN_QUARTER} AND c.finding = 'VERIFIED'",
            unfounded=f"c.decided_on {_IN_QUARTER} AND c.finding = 'UNFOUNDED'",
            closed=f"c.decided_on {_IN_QUARTER} AND c.state = 'CLOSED'",
            pending="(c.decided_on IS NULL OR c.decided_on > %(last)s) AND c.state <> 'NOT_ACCEPTED'",
        )
    }
    FROM ratings_complaint c {_SHOP.format("c.pharmacy_id")}
    WHERE {_KNOWN.format("c")} AND c.occurred_on <= %(last)s GROUP BY 1""",
    f"""SELECT g.district, {
        _count(
            graded="g.event = 'PERIODIC' AND g.position >= 0",
            ungraded="g.event = 'PERIODIC' AND g.position < 0",
            interim="g.event = 'INTERIM'",
            corrected="g.event = 'CORRECTION'",
            repaired="g.event = 'REPAIR'",
            withdrawn="g.event = 'WITHDRAWAL'",
        )
    }
    FROM ratings_publication p JOIN ratings_publishedgrade g ON g.seq BETWEEN p.first_seq AND p.last_seq
    WHERE {_day("p.at")} AND g.district = ANY(%(districts)s) GROUP BY 1""",
    f"""SELECT r.district_id, {
        _count(
            objections=f"o.received_at <= %(cutoff)s AND o.handed_in_on {_IN_QUARTER}",
            upheld=f"{_day('o.decided_at')} AND o.state = 'UPHELD'",
            rejected=f"{_day('o.decided_at')} AND o.state <> 'UPHELD'",
            reviewed=f"{_day('o.reviewed_at')} AND o.state = 'REVIEW_UPHELD'",
        )
    }
    FROM ratings_objection o JOIN ratings_rating r ON r.id = o.rating_id
    WHERE r.district_id = ANY(%(districts)s) GROUP BY 1""",
    f"""SELECT s.district_id, {
        _count(
            applied=f"f.received_at <= %(cutoff)s AND f.applied_on {_IN_QUARTER}",
            granted=f"{_day('f.decided_at')} AND f.state = 'GRANTED'",
            refused=f"{_day('f.decided_at')} AND f.state = 'REFUSED'",
        )
    }
    FROM ratings_creditrepair f JOIN ratings_violation v ON v.id = f.violation_id
    {_SHOP.format("v.pharmacy_id")} GROUP BY 1""",
)

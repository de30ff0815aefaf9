"""Some rows of the columns, and a guard that columns keep the contract of ``columns.py``."""

from dataclasses import fields, replace
from typing import Final

import numpy as np

from ratings.rules.columns import MISSING, Events, Int32, Int64, Measure, Signals
from ratings.rules.days import day_number
from ratings.rules.problems import SignalsError
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
)

#: Fen; 100,000 million yuan in one month or one case. Beyond it sums could leave int64.
LARGEST_AMOUNT: Final = 10**13
#: Thousandths; a million units.
LARGEST_MEASURE: Final = 10**9
_MOST_EVENTS: Final = 10**8
#: Of one pharmacy: times the largest amount, in thousandths of a yuan, stays inside int64.
_MOST_OF_ONE: Final = 50_000


def take(signals: Signals, rows: Int64 | list[int]) -> Signals:
    """The pharmacies at ``rows`` (ascending, each once) with their facts.

    Rating them alone, with the peers of the whole run, gives the same results as in the run.
    """
    wanted = np.asarray(rows, dtype=np.int64)
    if len(wanted) > 1 and (np.diff(wanted) <= 0).any():
        raise ValueError("rows must ascend, each once")
    return replace(
        signals,
        **{
            name: getattr(signals, name)[wanted]
            for name in (
                "pharmacy_id",
                "code",
                "district",
                "chain",
                "status",
                "opened_on",
                "designated_on",
                "payments",
                "in_service",
            )
        },
        violations=_take_events(signals.violations, wanted),
        complaints=_take_events(signals.complaints, wanted),
        measures={
            key: Measure(measure.value[wanted], measure.present[wanted])
            for key, measure in signals.measures.items()
        },
    )


def _take_events(events: Events, rows: Int64) -> Events:
    starts = np.searchsorted(events.owner, rows, side="left")
    counts = np.searchsorted(events.owner, rows, side="right") - starts
    offsets = np.cumsum(counts) - counts
    index = np.repeat(starts - offsets, counts) + np.arange(counts.sum())
    taken = {part.name: getattr(events, part.name)[index] for part in fields(events)}
    taken["owner"] = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
    return Events(**taken)


def check_signals(signals: Signals) -> None:
    """Raises SignalsError where the columns break their contract; rating would be wrong."""
    count = len(signals)
    months = 2 * signals.period.months
    reasons = [
        f"{name} 列的行数与药店数 {count} 不符。"
        for name in ("code", "district", "chain", "status", "opened_on", "designated_on")
        if getattr(signals, name).shape != (count,)
    ]
    reasons += [
        f"{name} 应为 {count} 行 {months} 列（上年同期与本期各月）。"
        for name in ("payments", "in_service")
        if getattr(signals, name).shape != (count, months)
    ]
    if reasons:
        raise SignalsError(reasons)
    if (signals.code[1:] <= signals.code[:-1]).any():
        reasons.append("药店未按编码由小到大排列，或有重复。")
    if _outside(signals.status, len(SERVICE_STATUSES)):
        reasons.append("服务状态超出词表。")
    if (signals.designated_on > signals.opened_on).any():
        reasons.append("最早定点日期晚于本次签约日期。")
    if _too_large(signals.payments):
        reasons.append(f"月度支付额超过 {LARGEST_AMOUNT // 100} 元，请核对单位。")
    last = day_number(signals.period.last)
    kinds = {"violations": len(VIOLATION_KINDS), "complaints": len(COMPLAINT_TOPICS)}
    for name, size in kinds.items():
        reasons += _check_events(name, getattr(signals, name), count, size, last)
    for key, measure in signals.measures.items():
        if measure.value.shape != (count,) or measure.present.shape != (count,):
            reasons.append(f"数值 {key} 的行数与药店数 {count} 不符。")
        elif (np.abs(measure.value) > LARGEST_MEASURE).any():
            reasons.append(f"数值 {key} 的绝对值超过 {LARGEST_MEASURE // 1000}。")
    if reasons:
        raise SignalsError(reasons)


def _check_events(name: str, events: Events, owners: int, kinds: int, last: int) -> list[str]:
    reasons = []
    if len(events.owner) > _MOST_EVENTS:
        reasons.append(f"{name} 超过 {_MOST_EVENTS} 件。")
    if len(events.owner) and (np.diff(events.owner) < 0).any():
        reasons.append(f"{name} 未按药店排列。")
    if _outside(events.owner, owners) or _outside(events.kind, kinds):
        reasons.append(f"{name} 的药店序号或类型超出范围。")
    if _outside(events.gravity, len(GRAVITIES)) or _outside(events.track, len(TRACKS)):
        reasons.append(f"{name} 的情节或处理性质超出词表。")
    if (events.decided_on > last).any():
        reasons.append(f"{name} 中有评价周期之后才认定的事实。")
    if _too_large(events.amount_fen):
        reasons.append(f"{name} 的涉及金额超过 {LARGEST_AMOUNT // 100} 元，请核对单位。")
    if not reasons and len(events.owner) and np.bincount(events.owner).max() > _MOST_OF_ONE:
        reasons.append(f"{name} 中有药店超过 {_MOST_OF_ONE} 件。")
    return reasons


def _outside(numbers: Int32, size: int) -> bool:
    return bool(((numbers < 0) | (numbers >= size)).any())


def _too_large(amounts: Int64) -> bool:
    # Counting, because MISSING is below every bound and there can be millions of it.
    below = np.count_nonzero(amounts < -LARGEST_AMOUNT)
    return bool((amounts > LARGEST_AMOUNT).any() or below != np.count_nonzero(amounts == MISSING))

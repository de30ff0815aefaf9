"""Rating runs: reckon a period's grades, store them, repeat them, try them out."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from ratings.bulk import read_columns, write_columns
from ratings.models import District, Pharmacy, Rating, RatingRun, SchemeVersion
from ratings.rules import Outcomes, Peers, Scheme, digest, rate, required_measures
from ratings.rules.columns import Events, Signals
from ratings.rules.periods import Period
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.schemes import parsed
from ratings.signals import hold_sources, read_signals

#: Called with what is being done, and how far it is (0 to 1).
Progress = Callable[[str, float], None]


class RunInProgress(Refused):
    """The same run is being reckoned by somebody else at this moment."""


def default_cutoff(period: Period, scheme: SchemeVersion) -> datetime:
    """The end of the scheme's last day for recording what counts in the period, Asia/Shanghai."""
    day = period.last + timedelta(days=parsed(scheme).document.period.cutoff_days + 1)
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def check_run(period: Period, scheme: SchemeVersion, cutoff: datetime) -> None:
    """Raises Refused when such a run cannot be started, saying why and what to do."""
    if not scheme.in_force:
        raise Refused(
            f"{scheme} 尚未启用，只能试算；请先启用（manage.py scheme activate {scheme.key}@{scheme.version}）。"
        )
    if scheme.effective_on > period.last:
        raise Refused(f"{scheme} 自 {scheme.effective_on} 起施行，不适用于 {period.label}。")
    check_dates(period, cutoff)


def check_dates(period: Period, cutoff: datetime) -> None:
    """Raises Refused when the period or the cutoff has not come yet."""
    now = timezone.now()
    if timezone.localtime(now).date() <= period.last:
        raise Refused(f"{period.label}尚未结束（末日 {period.last}），结束后再评。")
    if cutoff > now:
        shown = timezone.localtime(cutoff).strftime("%Y-%m-%d %H:%M")
        raise Refused(f"数据截止时间 {shown} 还没有到；到时再评，或另定截止时间（--cutoff now 表示此刻）。")
    if timezone.localtime(cutoff).date() <= period.last:
        shown = timezone.localtime(cutoff).strftime("%Y-%m-%d %H:%M")
        raise Refused(f"数据截止时间 {shown} 太早：须在{period.label}末日（{period.last}）之后。")


def simulate(
    period: Period, scheme: Scheme, *, cutoff: datetime, district: District | None = None
) -> tuple[Signals, Outcomes]:
    """What a scheme, in force or not, would give; nothing is stored."""
    signals = _read(period, [scheme], cutoff, district)
    return signals, _rate(scheme, signals, district)


def signals_of(run: RatingRun, schemes: Collection[Scheme]) -> Signals:
    """What a finished run read, with all imported values that ``schemes`` ask for, to rate by them anew.

    Writers need not wait: nothing is recorded any more behind the run's cutoff. Raises Refused for an
    unfinished run.
    """
    if run.state != RatingRun.State.DONE:
        raise Refused(f"评价批次 {run} 尚未完成，不能用来试算。")
    return _read(Period.parse(run.period), schemes, run.cutoff, run.district, settled=True)


def _read(
    period: Period,
    schemes: Collection[Scheme],
    cutoff: datetime,
    district: District | None,
    settled: bool = False,
) -> Signals:
    code = district.code if district else None
    measures = frozenset().union(*map(required_measures, schemes))
    return read_signals(period, cutoff, measures=measures, district=code, settled=settled)


def _rate(scheme: Scheme, signals: Signals, district: District | None) -> Outcomes:
    """rate(), without ranks in the city where only a district is rated."""
    outcomes = rate(scheme, signals)
    return replace(outcomes, rank_city=np.zeros_like(outcomes.rank_city)) if district else outcomes


def start_run(
    period: Period,
    scheme: SchemeVersion,
    *,
    cutoff: datetime,
    district: District | None = None,
    by: Actor,
    progress: Progress | None = None,
) -> RatingRun:
    """Rate every pharmacy of a period and store the run; done before, it is only returned.

    One run exists per (period, scheme version, cutoff, district). A run that a killed worker
    left unfinished is reckoned afresh. Raises Refused (see check_run), RunInProgress when
    another session reckons the same run now, SignalsError when the facts do not fit the scheme.
    """
    check_run(period, scheme, cutoff)
    report = progress or (lambda stage, share: None)
    identity = {"period": period.code, "scheme": scheme, "cutoff": cutoff, "district": district}
    moment = cutoff.astimezone(UTC).isoformat()
    with _alone("/".join(str(part) for part in (period.code, scheme.pk, moment, district and district.pk))):
        run, _created = RatingRun.objects.get_or_create(
            **identity,
            defaults={
                "period_end": period.last,
                "scheme_sha256": scheme.sha256,
                "started_by": by.name,
            },
        )
        if run.state == RatingRun.State.DONE:
            return run
        try:
            _set_stage(run, "读取事实", report, 0.0)
            rules = parsed(scheme)
            with transaction.atomic():
                # Only once writers have finished may the run shut the door behind its cutoff.
                with connection.cursor() as cursor:
                    hold_sources(cursor)
                run.state = RatingRun.State.RUNNING
                run.save(update_fields=["state"])
                signals = _read(period, [rules], cutoff, district, settled=True)
            if not len(signals):
                raise Refused(_nobody(period, cutoff))
            _set_stage(run, f"计算 {len(signals)} 家药店", report, 0.5)
            outcomes = _rate(rules, signals, district)
            _set_stage(run, "存入结果", report, 0.6)
            _store(run, rules, signals, outcomes, by)
        except Exception as error:
            unfinished = RatingRun.objects.filter(pk=run.pk).exclude(state=RatingRun.State.DONE)
            unfinished.update(state=RatingRun.State.FAILED, stage=str(error)[:100])
            raise
    report("完成", 1.0)
    return run


def _nobody(period: Period, cutoff: datetime) -> str:
    shown = timezone.localtime(cutoff).strftime("%Y-%m-%d %H:%M")
    return (
        f"截至 {shown}，没有登记在册、于 {period.last} 仍定点的药店。"
        "若资料是此后才录入的，请把数据截止时间定在录入之后（--cutoff now 表示此刻）。"
    )


def _set_stage(run: RatingRun, stage: str, report: Progress, share: float) -> None:
    run.stage = stage
    run.save(update_fields=["stage"])
    report(stage, share)


@transaction.atomic
def _store(run: RatingRun, scheme: Scheme, signals: Signals, outcomes: Outcomes, by: Actor) -> None:
    size = len(signals)
    write_columns(
        Rating._meta.db_table,
        {
            "run_id": np.full(size, run.pk, np.int64),
            "pharmacy_id": signals.pharmacy_id,
            "district_id": signals.district.astype(np.int32),
            **_stored_columns(outcomes),
        },
        ("trace", outcomes.trace),
    )
    rated = outcomes.grade >= 0
    counts = np.bincount(outcomes.grade[rated], minlength=len(scheme.grades))
    run.state, run.stage, run.finished_at = RatingRun.State.DONE, "", timezone.now()
    run.pharmacies, run.rated = size, int(rated.sum())
    run.grade_counts = {grade.name: int(count) for grade, count in zip(scheme.grades, counts, strict=True)}
    run.peers = json.loads(outcomes.peers.to_json())
    run.trace_columns = list(outcomes.trace_columns)
    run.inputs_sha256, run.outcomes_sha256 = fingerprint(signals), digest(outcomes)
    run.save()
    record(
        "评价",
        run,
        by=by,
        period=run.period,
        scheme=str(run.scheme),
        cutoff=run.cutoff,
        grades=run.grade_counts,
        outcomes=run.outcomes_sha256,
    )


def _stored_columns(outcomes: Outcomes) -> dict[str, np.ndarray]:
    """The columns of ratings_rating that rate() gives, in their stored types."""
    return {
        "state": outcomes.state.astype(np.int16),
        "score": outcomes.score.astype(np.int64),
        "grade": outcomes.grade.astype(np.int16),
        "grade_before_caps": outcomes.grade_before_caps.astype(np.int16),
        "caps": outcomes.caps.astype(np.int64),
        "rank_district": outcomes.rank_district.astype(np.int32),
        "rank_city": outcomes.rank_city.astype(np.int32),
    }


def fingerprint(signals: Signals) -> str:
    """SHA-256 over everything that a rating read: names, types, shapes and bytes of all columns."""
    total = hashlib.sha256(json.dumps([signals.period.code, len(signals)]).encode())

    def add(name: str, values: np.ndarray) -> None:
        kept = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        total.update(f"{name} {kept.dtype.str} {kept.shape}\n".encode())
        total.update(kept.data)

    for column in fields(signals):
        value = getattr(signals, column.name)
        if isinstance(value, np.ndarray):
            add(column.name, value)
        elif isinstance(value, Events):
            for part in fields(value):
                add(f"{column.name}.{part.name}", getattr(value, part.name))
    for key in sorted(signals.measures):
        add(f"measure.{key}.value", signals.measures[key].value)
        add(f"measure.{key}.present", signals.measures[key].present)
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of repeating a run."""

    same_inputs: bool
    same_outcomes: bool
    #: the first rows that differ: designated code, column, stored value, value reckoned now
    differences: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return self.same_inputs and self.same_outcomes and not self.differences


def replay(run: RatingRun, most: int = 20) -> Replay:
    """Reckon a finished run again from the facts and compare every stored byte.

    ``most`` bounds the differences that are listed. Raises Refused for an unfinished run.
    """
    if run.state != RatingRun.State.DONE:
        raise Refused(f"评价批次 {run} 尚未完成，无从重算。")
    rules = parsed(run.scheme)
    signals = signals_of(run, [rules])
    outcomes = _rate(rules, signals, run.district)
    return Replay(
        same_inputs=fingerprint(signals) == run.inputs_sha256,
        same_outcomes=digest(outcomes) == run.outcomes_sha256
        and list(outcomes.trace_columns) == run.trace_columns
        and outcomes.peers == stored_peers(run),
        differences=_differences(run, signals, outcomes, most),
    )


def _differences(
    run: RatingRun, signals: Signals, outcomes: Outcomes, most: int
) -> list[tuple[str, str, str, str]]:
    expected = {"district_id": signals.district.astype(np.int32), **_stored_columns(outcomes)}
    for number, name in enumerate(outcomes.trace_columns):
        expected[f"trace:{name}"] = outcomes.trace[:, number]
    plain = [name for name in expected if not name.startswith("trace:")]
    items = ", ".join(
        f"coalesce(r.trace[{number + 1}], {np.iinfo(np.int64).min + 1})"
        for number in range(len(outcomes.trace_columns))
    )
    stored = read_columns(
        f"""SELECT p.code, {", ".join(f"r.{name}" for name in plain)}{", " if items else ""}{items}
            FROM ratings_rating r JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
            WHERE r.run_id = %(run)s ORDER BY p.code COLLATE "C" """,
        {"run": run.pk},
        {"code": "S12", **{name: values.dtype.str[1:] for name, values in expected.items()}},
    )
    found = [
        (code.decode(), "药店", "有", "无") for code in np.setdiff1d(stored["code"], signals.code)[:most]
    ]
    found += [
        (code.decode(), "药店", "无", "有") for code in np.setdiff1d(signals.code, stored["code"])[:most]
    ]
    _codes, here, there = np.intersect1d(signals.code, stored["code"], return_indices=True)
    for name, values in expected.items():
        found += [
            (signals.code[here[row]].decode(), name, str(stored[name][there[row]]), str(values[here[row]]))
            for row in np.flatnonzero(values[here] != stored[name][there])[:most]
        ]
    return found[:most]


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold a lock that only one session can hold; it is freed when the session ends.

    Raises RunInProgress when another holds it.
    """
    number = int.from_bytes(hashlib.sha256(f"ratings.run/{name}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise RunInProgress("同一评价正在进行中，请稍候查看结果。")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def latest_run(period: Period, scheme_key: str | None = None, pharmacy: Pharmacy | None = None) -> RatingRun:
    """The newest finished run of a period (by cutoff, then number), with the pharmacy in it.

    Raises Refused, with the remedy, when there is none.
    """
    runs = RatingRun.objects.filter(period=period.code, state=RatingRun.State.DONE)
    if scheme_key is not None:
        runs = runs.filter(scheme__key=scheme_key)
    found = runs
    if pharmacy is not None:
        rated = Rating.objects.filter(pharmacy=pharmacy, run__in=runs)
        found = runs.filter(pk__in=rated.values("run_id"))
    run = found.order_by("-cutoff", "-id").select_related("scheme", "district").first()
    if run is not None:
        return run
    if pharmacy is not None and runs.exists():
        ended = f"，{pharmacy.designated_until} 起不再定点" if pharmacy.designated_until else ""
        raise Refused(
            f"{period.label}的评价中没有 {pharmacy.code}：它自 {pharmacy.designated_on} 起定点{ended}；"
            f"只评周期末日（{period.last}）仍定点、且数据截止前已登记的药店。"
        )
    scheme = f" --scheme {scheme_key}" if scheme_key else ""
    raise Refused(f"{period.label}还没有完成的评价：请先运行 manage.py rate {period.code}{scheme}。")


def stored_peers(run: RatingRun) -> Peers:
    """The peer figures that a run reckoned and keeps."""
    return Peers.from_json(json.dumps(run.peers))

"""Reckoning one pharmacy again: the scheme and the peers of its run, the facts of now.

The others stay where they were, because medians and cut points are those that the run keeps.
What the scheme lets apply at once counts too, as of the day.
"""

import hashlib
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from ratings.models import Rating, RatingRun, Rerating
from ratings.rules import digest, rate, required_measures
from ratings.rules.adjusting import at_once_limit, withdrawn_at_once
from ratings.rules.columns import Signals
from ratings.rules.outcomes import Outcomes
from ratings.rules.periods import Period
from ratings.rules.problems import SignalsError
from ratings.rules.scheme import Reason, Scheme
from ratings.rules.slices import take
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.runs import fingerprint, stored_peers
from ratings.services.schemes import parsed
from ratings.signals import hold_sources, read_signals

#: Why a grade is withdrawn whatever the scheme says; no scheme can have a rule of this id.
NOT_DESIGNATED: Final = Reason("registry:ended", "已不再定点", "登记的定点终止日")
#: What a reckoning gives; all but the caps' names come from ``rate()``.
Reckoned = dict[str, Any]


@transaction.atomic
def rerate(rating: Rating, *, by: Actor, at: datetime | None = None) -> Rerating:
    """Reckon one rating again on all that is recorded by now, and keep the result.

    ``at`` is when that is done: the day for what applies at once. Facts are read as of the
    clock whatever it says, so that what this very transaction voided counts no more. Raises
    Refused where the registry has no such pharmacy for the period any more, or its facts no
    longer fit the scheme.
    """
    with connection.cursor() as cursor:
        # As in a run: the cutoff comes after the locks, so nothing can be recorded behind it.
        hold_sources(cursor)
    cutoff = timezone.now()
    at = at or cutoff
    rating = Rating.objects.select_related("run__scheme", "pharmacy").get(pk=rating.pk)
    found = reckon(rating.run, [rating.pharmacy_id], cutoff, timezone.localdate(at))
    if rating.pharmacy_id not in found:
        raise Refused(
            f"按现在的登记，药店 {rating.pharmacy.code} 在{Period.parse(rating.run.period).label}末日已不定点，"
            "无从复评：请先核对其定点起止日。"
        )
    rerating = Rerating.objects.create(
        rating=rating, cutoff=cutoff, reckoned_by=by.name, reckoned_at=at, **found[rating.pharmacy_id]
    )
    record(
        "复评",
        rerating,
        by=by,
        rating=rating.pk,
        pharmacy=rating.pharmacy.code,
        cutoff=cutoff,
        before={"grade": rating.grade, "score": rating.score},
        after={"grade": rerating.position, "score": rerating.score},
        outcomes=rerating.outcomes_sha256,
    )
    return rerating


def reckon(run: RatingRun, pharmacies: Collection[int], cutoff: datetime, day: date) -> dict[int, Reckoned]:
    """Each pharmacy's columns of a Rerating, by its id; those no longer in the run's population are left out.

    Nothing is locked and nothing stored. ``day`` is the Shanghai day as of which rules marked
    ``at_once`` apply. Raises Refused where the facts do not fit the scheme.
    """
    scheme, peers = parsed(run.scheme), stored_peers(run)
    signals = read_signals(
        Period.parse(run.period),
        cutoff,
        measures=required_measures(scheme),
        pharmacies=pharmacies,
        settled=True,
    )
    # Facts between two periods; the months' payments play no part in them.
    today = read_signals(Period.day(day), cutoff, pharmacies=pharmacies, settled=True)
    places = {int(key): place for place, key in enumerate(today.pharmacy_id)}
    found: dict[int, Reckoned] = {}
    for row, key in enumerate(signals.pharmacy_id.tolist()):
        one = take(signals, [row])
        try:
            outcomes = rate(scheme, one, peers)
        except SignalsError as error:
            raise Refused(f"资料不合评价规则，不能复评：{error}") from error
        place = places.get(key)
        now = take(today, [] if place is None else [place])
        inputs = hashlib.sha256(f"{fingerprint(one)} {fingerprint(now)}".encode()).hexdigest()
        found[key] = {**_columns(outcomes), **_at_once(scheme, now, day), "inputs_sha256": inputs}
    return found


def _at_once(scheme: Scheme, now: Signals, day: date) -> Reckoned:
    """What applies at once to the one pharmacy in ``now``, which is empty when it is designated no more."""
    if not len(now):
        return {"withdrawn_rule": NOT_DESIGNATED.id}
    limit, reason = at_once_limit(scheme, now, day), withdrawn_at_once(scheme, now, day)
    return {
        "limit": limit[0] if limit else -1,
        "limit_rule": limit[1].id if limit else "",
        "withdrawn_rule": reason.id if reason else "",
    }


def _columns(outcomes: Outcomes) -> Reckoned:
    return {
        "state": int(outcomes.state[0]),
        "score": int(outcomes.score[0]),
        "grade": int(outcomes.grade[0]),
        "grade_before_caps": int(outcomes.grade_before_caps[0]),
        "caps": int(outcomes.caps[0]),
        "trace": outcomes.trace[0].tolist(),
        "limit": -1,
        "limit_rule": "",
        "withdrawn_rule": "",
        "outcomes_sha256": digest(outcomes),
    }


def replay_rerating(rerating: Rerating) -> bool:
    """Whether reckoning a stored re-rating again gives every byte of it."""
    run, key = rerating.rating.run, rerating.rating.pharmacy_id
    try:
        found = reckon(run, [key], rerating.cutoff, timezone.localdate(rerating.reckoned_at)).get(key)
    except Refused:
        return False
    return found is not None and all(getattr(rerating, name) == value for name, value in found.items())


def still_holds(rerating: Rerating, at: datetime) -> bool:
    """Whether the facts of now still give what a re-rating gave: its score, grade, caps and limits."""
    run, key = rerating.rating.run, rerating.rating.pharmacy_id
    found = reckon(run, [key], timezone.now(), timezone.localdate(at)).get(key)
    decisive = ("state", "score", "grade", "caps", "limit", "withdrawn_rule")
    return found is not None and all(getattr(rerating, name) == found[name] for name in decisive)


def reason_of(scheme: Scheme, rerating: Rerating) -> Reason | None:
    """What demands the re-rated position beyond the score: a withdrawal, why not rated, or an ``at_once`` cap.

    None where the position is the reckoned grade itself.
    """
    if rerating.withdrawn_rule == NOT_DESIGNATED.id:
        return NOT_DESIGNATED
    if rerating.withdrawn_rule:
        return next(reason for reason in scheme.reasons if reason.id == rerating.withdrawn_rule)
    if rerating.state:
        return scheme.reasons[rerating.state - 1]
    if rerating.limit_rule and rerating.limit >= rerating.grade:
        cap = next(cap for cap in scheme.document.caps if cap.id == rerating.limit_rule)
        return Reason(cap.id, cap.title, cap.clause)
    return None

"""Explaining a stored rating or re-rating: reckoned again for one pharmacy with the peers of its run."""

from datetime import datetime

from ratings.models import Complaint, Fact, Rating, Rerating, Violation
from ratings.rules import rate, required_measures
from ratings.rules.explain import explain
from ratings.rules.explanation import Explanation
from ratings.rules.periods import Period
from ratings.services.errors import Refused
from ratings.services.runs import stored_peers
from ratings.services.schemes import parsed
from ratings.services.standing import Standing
from ratings.signals import read_signals


def explain_rating(rating: Rating, *, over_time: bool = False) -> Explanation:
    """Every point of one rating in Chinese, from the facts as its run knew them.

    ``over_time`` adds what time alone brings, month by month.

    Raises Refused when today's reckoning does not give what is stored, which means that the
    stored rating or the facts behind it were tampered with.
    """
    name = f"评价批次 #{rating.run_id}"
    remedy = f"请运行 manage.py replay {rating.run_id} 查明。"
    return _explain(rating, rating, rating.run.cutoff, name, remedy, over_time)


def explain_rerating(rerating: Rerating, *, over_time: bool = False) -> Explanation:
    """The same of one re-rating, from the facts as it knew them.

    What applies at once is no part of it: ``reratings.reason_of`` tells that. Raises Refused as
    explain_rating does.
    """
    name = f"复评 #{rerating.pk}"
    return _explain(rerating, rerating.rating, rerating.cutoff, name, "请查明原因，重新复评。", over_time)


def explain_standing(rating: Rating, now: Standing, *, over_time: bool = False) -> Explanation:
    """What the grade as it stands rests on: the newest approved re-rating, or the rating itself.

    Raises Refused as explain_rating does.
    """
    if now.rerating is not None:
        return explain_rerating(now.rerating, over_time=over_time)
    return explain_rating(rating, over_time=over_time)


def _explain(
    stored: Rating | Rerating, rating: Rating, cutoff: datetime, name: str, remedy: str, over_time: bool
) -> Explanation:
    run = rating.run
    scheme = parsed(run.scheme)
    peers = stored_peers(run)
    signals = read_signals(
        Period.parse(run.period),
        cutoff,
        measures=required_measures(scheme),
        pharmacies=[rating.pharmacy_id],
        settled=True,
    )
    if not len(signals):
        raise Refused(f"按{name} 的数据截止时间，查不到该药店的登记。")
    outcomes = rate(scheme, signals, peers)
    reckoned = (
        outcomes.state[0],
        outcomes.score[0],
        outcomes.grade[0],
        outcomes.caps[0],
        outcomes.trace[0].tolist(),
    )
    if reckoned != (stored.state, stored.score, stored.grade, stored.caps, stored.trace):
        raise Refused(f"药店 {rating.pharmacy.code} 在{name} 中的结果与事实不符：{remedy}")
    violations = Violation.objects.filter(pk__in=signals.violations.fact_id.tolist())
    complaints = Complaint.objects.filter(pk__in=signals.complaints.fact_id.tolist())
    labels = {
        ("violations", fact.pk): f"{fact.body}{fact.document_no}{_inherited(fact, rating)}"
        for fact in violations.select_related("pharmacy")
    }
    labels |= {
        ("complaints", fact.pk): f"{fact.reference_no}{_inherited(fact, rating)}"
        for fact in complaints.select_related("pharmacy")
    }
    return explain(scheme, signals, peers, labels, over_time=over_time)


def _inherited(fact: Fact, rating: Rating) -> str:
    """Says so where a fact is a predecessor's."""
    return (
        "" if fact.pharmacy_id == rating.pharmacy_id else f"（前身 {fact.pharmacy.code} 的记录，由本店承继）"
    )

"""Explaining a stored rating: reckoned again for one pharmacy with the peers of its run."""

from ratings.models import Complaint, Fact, Rating, Violation
from ratings.rules import rate, required_measures
from ratings.rules.explain import explain
from ratings.rules.explanation import Explanation
from ratings.rules.periods import Period
from ratings.services.errors import Refused
from ratings.services.runs import stored_peers
from ratings.services.schemes import parsed
from ratings.signals import read_signals


def explain_rating(rating: Rating) -> Explanation:
    """Every point of one rating in Chinese, from the facts as its run knew them.

    Raises Refused when today's reckoning does not give what is stored, which means that the
    stored rating or the facts behind it were tampered with.
    """
    run = rating.run
    scheme = parsed(run.scheme)
    peers = stored_peers(run)
    signals = read_signals(
        Period.parse(run.period),
        run.cutoff,
        measures=required_measures(scheme),
        pharmacies=[rating.pharmacy_id],
        settled=True,
    )
    if not len(signals):
        raise Refused(f"按评价批次 #{run.pk} 的数据截止时间，查不到该药店的登记。")
    outcomes = rate(scheme, signals, peers)
    reckoned = (
        outcomes.state[0],
        outcomes.score[0],
        outcomes.grade[0],
        outcomes.caps[0],
        outcomes.trace[0].tolist(),
    )
    if reckoned != (rating.state, rating.score, rating.grade, rating.caps, rating.trace):
        raise Refused(
            f"药店 {rating.pharmacy.code} 在评价批次 #{run.pk} 中的结果与事实不符：请运行 manage.py replay {run.pk} 查明。"
        )
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
    return explain(scheme, signals, peers, labels)


def _inherited(fact: Fact, rating: Rating) -> str:
    """Says so where a fact is a predecessor's."""
    return (
        "" if fact.pharmacy_id == rating.pharmacy_id else f"（前身 {fact.pharmacy.code} 的记录，由本店承继）"
    )

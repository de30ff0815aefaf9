"""The scheme language and ``rate()``: a plain library without Django, database or clock.

    from ratings.rules import load_scheme, rate, shipped_schemes, take

    scheme = load_scheme(shipped_schemes()["shaoxing-style"])   # or parse_scheme(bytes, name)
    outcomes = rate(scheme, signals)            # columns.Signals -> outcomes.Outcomes
    outcomes.score[i]                           # int64 thousandths
    scheme.grades[outcomes.grade[i]].name       # "A"; outcomes.grade is -1 where not rated
    scheme.reasons[outcomes.state[i] - 1]       # why not rated, where state is not 0
    outcomes.trace[i], outcomes.trace_columns   # every number behind the score
    outcomes.peers.to_json()                    # keep with the run
    digest(outcomes)                            # SHA-256 over all results

    peers = Peers.from_json(stored)
    rate(scheme, take(signals, [i]), peers)     # one pharmacy again, the others unmoved
    explain(scheme, take(signals, [i]), peers)  # the same in Chinese, every point of it

Documents that are refused raise :class:`SchemeError` with all problems; columns that cannot be
rated raise :class:`SignalsError`. Units of all columns: ``columns.py``.

Modules, each importing only from those above it: vocabulary, periods, columns; exact, problems,
limits, places, days; fields, conditions, indicators, document (the language); translation, reading, checks,
condition_checks, bound_checks, desk_checks, scheme (parsing); slices, facts, growth, peers, quantities,
outcomes, bands, rating (reckoning); wording, explanation, outlook, telling, explain (telling);
schema (JSON Schema); adjusting (what the desk may change), moves (states and steps), terms
(legal terms).
"""

from ratings.rules.columns import Events, Measure, Signals
from ratings.rules.explain import explain
from ratings.rules.explanation import Explanation
from ratings.rules.outcomes import NO_GRADE, RATED, Outcomes, digest
from ratings.rules.peers import Peers
from ratings.rules.periods import Period
from ratings.rules.problems import Problem, SchemeError, SignalsError
from ratings.rules.rating import rate
from ratings.rules.schema import json_schema
from ratings.rules.scheme import (
    Scheme,
    load_scheme,
    memory_months,
    needs_payments,
    parse_scheme,
    required_measures,
    scheme_hash,
    shipped_schemes,
)
from ratings.rules.slices import take

__all__ = [
    "NO_GRADE",
    "RATED",
    "Events",
    "Explanation",
    "Measure",
    "Outcomes",
    "Peers",
    "Period",
    "Problem",
    "Scheme",
    "SchemeError",
    "Signals",
    "SignalsError",
    "digest",
    "explain",
    "json_schema",
    "load_scheme",
    "memory_months",
    "needs_payments",
    "parse_scheme",
    "rate",
    "required_measures",
    "scheme_hash",
    "shipped_schemes",
    "take",
]

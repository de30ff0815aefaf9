"""The one door outward: what is public, and nothing that is not published.

Applications import this package, never its modules, and nothing else of ``ratings``. ``grades`` reads the
ledger, ``pharmacies`` what is public of each pharmacy (its place in the registry and its newest published
grade), ``penalty`` the penalties that may still be shown, ``scales`` what grades mean; ``changes`` tells
when any of it changes.
"""

from ratings.published.changes import announced, changed, tell
from ratings.published.grades import (
    EVENTS,
    Grade,
    Statement,
    changes_since,
    current,
    current_page,
    history,
    publications,
)
from ratings.published.penalty import Penalty, penalties
from ratings.published.pharmacies import Entry, entries
from ratings.published.scales import Step, reaches, scale

__all__ = [
    "EVENTS",
    "Entry",
    "Grade",
    "Penalty",
    "Statement",
    "Step",
    "announced",
    "changed",
    "changes_since",
    "current",
    "current_page",
    "entries",
    "history",
    "penalties",
    "publications",
    "reaches",
    "scale",
    "tell",
]

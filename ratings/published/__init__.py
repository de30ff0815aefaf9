"""The one door outward: what is public, and nothing that is not published.

Applications import this package, never its modules, and nothing else of ``ratings``. ``grades`` reads the
ledger, ``statements`` what was signed of it, ``files`` and ``proofs`` hand its rows out in a way that can be
verified by ``keys``; ``pharmacies`` what is public of each pharmacy (its place in the registry and its newest published
grade), ``enterprises`` which of them an enterprise runs and where, ``staging`` the same for a whole city at a time,
``penalty`` the penalties that may still be shown, ``scales`` what grades mean, ``documents`` which documents were
issued; ``changes`` tells when any of it changes.
"""

from ratings.published.changes import announced, changed, tell
from ratings.published.documents import issued_document, read_code
from ratings.published.enterprises import enterprise_codes, enterprise_districts
from ratings.published.files import (
    COLUMNS,
    VERIFIER,
    Fault,
    FileVerdict,
    fingerprints,
    ledger_lines,
    publication_lines,
    verify_lines,
    write_publication,
)
from ratings.published.grades import EVENTS, Grade, changes_since, current, current_page, histories, history
from ratings.published.keys import is_signed, pem, public_key, trusted_keys
from ratings.published.penalty import Penalty, penalties
from ratings.published.pharmacies import Entry, districts, entries, find_codes
from ratings.published.proofs import RowProof, prove_row, tree_blocks
from ratings.published.scales import Step, reaches, scale, scheme_in_force
from ratings.published.staging import STAGED, codes_since, last_seq, stage
from ratings.published.statements import (
    Statement,
    count_changes,
    later_changes,
    newer_list,
    period_lists,
    publication,
    publication_with_row,
    publications,
    publications_signed,
)

__all__ = [
    "COLUMNS",
    "EVENTS",
    "STAGED",
    "VERIFIER",
    "Entry",
    "Fault",
    "FileVerdict",
    "Grade",
    "Penalty",
    "RowProof",
    "Statement",
    "Step",
    "announced",
    "changed",
    "changes_since",
    "codes_since",
    "count_changes",
    "current",
    "current_page",
    "districts",
    "enterprise_codes",
    "enterprise_districts",
    "entries",
    "find_codes",
    "fingerprints",
    "histories",
    "history",
    "is_signed",
    "issued_document",
    "last_seq",
    "later_changes",
    "ledger_lines",
    "newer_list",
    "pem",
    "penalties",
    "period_lists",
    "prove_row",
    "public_key",
    "publication",
    "publication_lines",
    "publication_with_row",
    "publications",
    "publications_signed",
    "reaches",
    "read_code",
    "scale",
    "scheme_in_force",
    "stage",
    "tell",
    "tree_blocks",
    "trusted_keys",
    "verify_lines",
    "write_publication",
]

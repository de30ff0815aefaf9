"""Penalties that may be shown to the public, and for how long.

Only administrative penalties (行政处罚) are public by law (政府信息公开条例第二十条第六项); measures under
the service agreement (协议处理) are not. How long one is shown depends on its gravity and is a legal
term (``rules/terms.toml``: 信用修复管理办法, 2026). One that was annulled, or repaired, is voided
among the facts and gone from here at that moment.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from django.conf import settings

from ratings.models import Violation
from ratings.rules.periods import add_months
from ratings.rules.terms import read_terms
from ratings.rules.vocabulary import GRAVITIES


@dataclass(frozen=True, slots=True)
class Penalty:
    """One penalty as it may be shown: number, kind, content, body and date (条例第三十四条)."""

    document_no: str
    #: id of VIOLATION_KINDS and its Chinese
    kind: str
    kind_label: str
    #: what was ordered: 责令退回, 罚款 …
    measures: str
    body: str
    decided_on: date
    #: the first day on which it is shown no more
    shown_until: date


_TERM: Final = {gravity: f"penalty_shown_{gravity.lower()}" for gravity in GRAVITIES.ids}


def penalties(code: str, on: date) -> list[Penalty]:
    """The penalties of one pharmacy that may be shown on a day (Asia/Shanghai), newest first.

    The end is reckoned by the term in force on ``on``, so that a shorter term helps those who were
    penalised before it. Raises SchemeError or OSError where the file of terms cannot be read.
    """
    terms = read_terms(Path(settings.TERMS_FILE))
    months = {gravity: terms.on(term, on).length for gravity, term in _TERM.items()}
    found = Violation.objects.filter(
        pharmacy__code=code, track="PENALTY", voided_at=None, decided_on__lte=on
    ).order_by("-decided_on", "-id")
    shown = []
    for row in found:
        until = add_months(row.decided_on, months[row.gravity])
        if on < until:
            shown.append(
                Penalty(
                    row.document_no,
                    row.kind,
                    row.get_kind_display(),
                    row.measures,
                    row.body,
                    row.decided_on,
                    until,
                )
            )
    return shown

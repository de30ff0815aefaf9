"""Whether a file, a fingerprint or a pharmacy's grade is genuine, and whether it is current."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain, islice
from statistics import median_low
from typing import BinaryIO, Final

from applications.pharmacy_lookup.open_data.claims import Claim, Proof
from applications.pharmacy_lookup.open_data.fields import read_line
from applications.pharmacy_lookup.open_data.formats import ORIGINAL
from applications.pharmacy_lookup.open_data.reading import read_claim
from applications.pharmacy_lookup.open_data.store import blocks
from ratings.published import (
    Fault,
    FileVerdict,
    Grade,
    RowProof,
    Statement,
    count_changes,
    current,
    fingerprints,
    history,
    is_signed,
    later_changes,
    ledger_lines,
    newer_list,
    prove_row,
    publication,
    publication_lines,
    publication_with_row,
    verify_lines,
)

#: Rows that are named, for each thing that is wrong with them and for later changes.
NAMED: Final = 20
ROW_FAULTS: Final = ("altered", "missing", "moved", "added")
#: Rows at the top of a file by which its publication is sought, where it bears no statement.
_SAMPLE: Final = 1000
_MOST: Final = 2**63 - 1
#: Lines above the rows of a published file, and characters that are shown of a value.
_HEADER: Final = 4
_LONGEST: Final = 60
#: Faults after which the verifier looks at no rows.
_STOPPED: Final = frozenset(("line", "key", "signature", "statement", "fingerprints"))
#: Signed by us, but not in the ledger.
UNKNOWN: Final = "unknown"


class Verdict(StrEnum):
    """What became of a file."""

    GENUINE = "genuine"
    ALTERED = "altered"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Currency:
    """What came after a publication."""

    #: the newest list of a later period, if any
    newer: Statement | None
    #: how many rows later publications of the same period changed, by event; the newest of them
    counts: dict[str, int]
    changes: list[Grade]

    @property
    def changed(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it was published."""

    #: a member of ROW_FAULTS
    kind: str
    #: number in the ledger (0 = unknown), and the designated code as published, else as in the file
    seq: int
    code: str
    #: name of the pharmacy as published, "" where the row is none of ours
    name: str
    #: line, row of the sheet or item in the file; 0 = not in it
    place: int
    #: (column, as published, as in the file) for what was altered
    values: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file is."""

    verdict: Verdict
    #: a key of FORMATS
    kind: str
    #: the publication that it is, or was made of
    of: Statement | None = None
    #: what is wrong beside the rows: kinds of the verifier's faults, or UNKNOWN
    proof_faults: tuple[str, ...] = ()
    #: columns that should be in it, and that should not
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()
    #: the first rows that are not as published, and how many there are in all, by kind
    differences: tuple[Difference, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    currency: Currency | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of one pharmacy today."""

    grade: Grade
    #: it is in force today
    current: bool
    of: Statement
    proof: RowProof


def currency(of: Statement) -> Currency:
    """What came after a publication until now."""
    counts = count_changes([of.number])[of.number]
    return Currency(newer_list(of), counts, later_changes(of.number, limit=NAMED) if counts else [])


def check_code(code: str, on: date) -> Standing | None:
    """The newest row of a pharmacy that has come into force by a day, proven; None without one."""
    now = current([code], on).get(code)
    begun = [row for row in history(code) if row.valid_from <= on]
    newest = now or max(begun, key=lambda row: (row.period_end, row.seq), default=None)
    of = publication(newest.publication) if newest else None
    if newest is None or of is None:
        return None
    return Standing(newest, now is not None, of, prove_row(of, newest.seq, blocks(of)))


def check_signature(of: Statement) -> bool:
    """Whether a publication as it stands in the database was signed by us."""
    return is_signed(of.statement, of.public_key, of.signature)


def check_file(file: BinaryIO) -> Finding:
    """What a file is. Memory is bounded; the file is read once, or more often where it was altered.

    Raises Unreadable for one that cannot be read to its end.
    """
    claim = read_claim(file)
    of = _publication_of(claim)
    if of is None:
        proof = claim.proof
        signed = proof and is_signed(proof.statement, proof.public_key, proof.signature)
        return Finding(Verdict.FOREIGN, claim.kind, proof_faults=(UNKNOWN,) if signed else ())
    columns, extra = list(of.told["columns"]), list(claim.columns)
    for name in columns:
        if name in extra:
            extra.remove(name)
    if claim.kind == ORIGINAL:
        missing, extra = (), []  # its line of columns is verified like everything else
    else:
        missing = tuple(name for name in columns if name not in claim.columns)
    proof_faults, rows = ((), None) if missing else _verify(claim, of, columns)
    altered = bool(missing or extra or proof_faults or (rows and rows.faults))
    return Finding(
        Verdict.ALTERED if altered else Verdict.GENUINE,
        claim.kind,
        of,
        proof_faults,
        missing,
        tuple(extra),
        _differences(claim, of, columns, rows.faults) if rows else (),
        {kind: rows.counts[kind] for kind in ROW_FAULTS if kind in rows.counts} if rows else {},
        currency(of),
    )


def _publication_of(claim: Claim) -> Statement | None:
    """The publication whose statement a file bears; else the one whose rows are in it."""
    if claim.proof and (stated := _stated(claim.proof)) and stated.statement == claim.proof.statement:
        return stated
    sample = dict(islice(_numbered(claim), _SAMPLE))
    if not sample:
        return None
    found = publication_with_row(median_low(sample))
    near = [seq for seq in sample if found and found.first_seq <= seq <= found.last_seq]
    if not near:
        return None
    ours = map(read_line, ledger_lines(("seq", "code"), min(near), max(near)))
    return found if any(sample.get(int(str(seq))) == code for seq, code in ours) else None


def _stated(proof: Proof) -> Statement | None:
    try:
        number = json.loads(proof.statement)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return publication(number) if type(number) is int and 0 < number <= _MOST else None


def _numbered(claim: Claim) -> Iterator[tuple[int, str | None]]:
    """Number and designated code of the rows that bear a number."""
    columns = claim.columns if claim.kind == ORIGINAL else ("seq", "code")
    for _place, line in claim.rows(columns):
        values = dict(zip(columns, read_line(line), strict=False))
        seq = values.get("seq") or ""
        if seq.isascii() and seq.isdigit() and len(seq) < 19:
            yield int(seq), values.get("code")


def _verify(claim: Claim, of: Statement, columns: list[str]) -> tuple[tuple[str, ...], FileVerdict]:
    """What is wrong with a file beside its rows, and the verifier's verdict on its rows.

    Where its own proof fails, its rows are held against what we signed.
    """
    marks = fingerprints(of.number)
    table = chain(["\t".join(columns).encode()], (line for _place, line in claim.rows(columns)))
    proof = claim.proof or Proof(of.statement, of.signature, of.public_key)
    if claim.whole:
        own = verify_lines(claim.whole())
    else:
        own = verify_lines(
            publication_lines(proof.statement, proof.public_key, proof.signature, marks, table)
        )
    faults = tuple(kind for kind in own.counts if kind not in ROW_FAULTS)
    if own.statement_sha256.hex() != of.sha256:
        # Nothing is known of a statement that was not signed.
        faults = (UNKNOWN,) if own.statement else faults
    elif not _STOPPED.intersection(faults):
        return faults, own
    table = chain(["\t".join(columns).encode()], (line for _place, line in claim.rows(columns)))
    rows = verify_lines(publication_lines(of.statement, of.public_key, of.signature, marks, table))
    return faults, rows


def _differences(
    claim: Claim, of: Statement, columns: list[str], faults: Sequence[Fault]
) -> tuple[Difference, ...]:
    """The rows that the verifier named, as published and as in the file."""
    named = [fault for fault in faults if fault.kind in ROW_FAULTS]
    wanted = {fault.line - _HEADER for fault in named if fault.line}
    rows = islice(claim.rows(columns), max(wanted, default=0))
    found = {number: row for number, row in enumerate(rows, start=1) if number in wanted}
    told = []
    for fault in named:
        place, line = found.get(fault.line - _HEADER, (0, b""))
        ours = _published_row(of, columns, fault.seq) if fault.kind != "added" else {}
        theirs = dict(zip(columns, read_line(line), strict=False))
        told.append(
            Difference(
                fault.kind,
                fault.seq,
                ours.get("code") or fault.code,
                ours.get("name") or "",
                place,
                tuple(
                    (name, ours[name] or "", _short(theirs.get(name)))
                    for name in columns
                    if fault.kind == "altered" and ours and ours[name] != theirs.get(name)
                ),
            )
        )
    return tuple(told)


def _published_row(of: Statement, columns: list[str], seq: int) -> dict[str, str | None]:
    lines = ledger_lines(columns, seq, seq) if of.first_seq <= seq <= of.last_seq else iter(())
    return {name: value for line in lines for name, value in zip(columns, read_line(line), strict=True)}


def _short(text: str | None) -> str:
    """A value of somebody's file, short enough to be shown."""
    text = text or ""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

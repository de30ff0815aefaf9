"""A letter to every pharmacy of a period as the job writes them, and one alone, against bare drawing of the same pages.

The peer draws the same text with reportlab into pages of the same size, one Paragraph after the other: no data is
read, no QR code drawn, nothing signed, numbered, encrypted or kept. With PDF_SIGNING_FILE set, all letters are
written once more, signed by its key.
"""

import io
import resource
import tempfile
import time
from datetime import timedelta
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from creditsys import pdf
from ratings.models import IssuedDocument, Rating, RatingPeriod
from ratings.reports.letter import issue_letter, read_letter
from ratings.reports.letter_batches import find_gaps, write_letters
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.letters import start_batch
from ratings.services.runs import default_cutoff, start_run
from ratings.services.schemes import scheme_in_force
from tests import desk
from tests.benchmarks.data import SCHEME
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

_SITE = "https://credit.example.org"
_BY = Actor("基准")
#: So many letters are written alone, and drawn by the peer.
_ALONE = 60
#: After so many letters of the job its peak memory is read, and at the end.
_MARKS = (100, 750)


def prepare() -> dict[str, int]:
    """A period under public notice."""
    period = Period.parse("2024H2")
    scheme = scheme_in_force(SCHEME, period.last)
    run = start_run(period, scheme, cutoff=default_cutoff(period, scheme) + timedelta(days=1), by=_BY)
    life, today = desk.life(run, "PUBLIC_NOTICE"), timezone.localdate()
    RatingPeriod.objects.filter(pk=life.pk).update(notice_from=today, notice_until=today + timedelta(days=5))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ratings_rating")
    return {"period": life.pk}


def _ratings(period: int) -> list[Rating]:
    """Some of the period's, spread over all, worst and best alike."""
    run = RatingPeriod.objects.get(pk=period).run_id
    keys = list(Rating.objects.filter(run=run).order_by("score", "pk").values_list("pk", flat=True))
    wanted = keys[:: max(1, len(keys) // _ALONE)]
    return list(Rating.objects.select_related("run__scheme", "pharmacy", "district").filter(pk__in=wanted))


def alone(period: int, signed: bool) -> dict[str, Any]:
    """Letters one by one, each as from the page of a rating: explained, drawn, signed, kept."""
    taken, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        _keep_in(folder, signed)
        ratings = _ratings(period)
        issue_letter(ratings[0], by=_BY, site=_SITE)  # the font is read once
        for rating in ratings:
            start = time.perf_counter()
            row = issue_letter(rating, by=_BY, site=_SITE)
            taken.append(time.perf_counter() - start)
            sizes.append(row.size)
    return {"taken": taken, "size": int(median(sizes)), "signed": row.signed}


def batch(period: int, signed: bool) -> dict[str, Any]:
    """All letters as the job writes them; peak memory as it goes."""
    found = RatingPeriod.objects.select_related("run__scheme").get(pk=period)
    start = time.perf_counter()
    gaps = find_gaps(found, None)
    preflight = time.perf_counter() - start
    start = time.perf_counter()
    asked = start_batch(found, None, with_links=False, site=_SITE, by=_BY)
    asking = time.perf_counter() - start
    letters = asked.letters.count()
    peaks: dict[int, int] = {}
    count = [0]

    def watch(_issued: object) -> None:
        count[0] += 1
        if count[0] in (*_MARKS, letters):
            peaks[count[0]] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    with tempfile.TemporaryDirectory() as folder:
        _keep_in(folder, signed)
        start = time.perf_counter()
        written = write_letters(asked, progress=watch)
        seconds = time.perf_counter() - start
    asked.refresh_from_db()
    if (
        gaps
        or asked.finished_at is None
        or IssuedDocument.objects.filter(letter__batch=asked).count() != written
    ):
        raise SystemExit("not every letter was issued: the measurement is void")
    return {
        "seconds": seconds,
        "written": written,
        "preflight": preflight,
        "asking": asking,
        "peaks": sorted(peaks.items()),
    }


def peer(period: int) -> dict[str, Any]:
    """The text of the same letters drawn by reportlab alone."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    texts = [_lines(rating) for rating in _ratings(period)]
    pdf.paragraph("读字体")
    taken = []
    for lines in texts:
        start = time.perf_counter()
        out = io.BytesIO()
        SimpleDocTemplate(out, pagesize=A4).build([Paragraph(line, pdf.BODY) for line in lines])
        taken.append(time.perf_counter() - start)
    return {"taken": taken}


def _lines(rating: Rating) -> list[str]:
    said = read_letter(rating, at=timezone.now())
    lines = [said.title, said.name, *said.basis, *(line for line in said.explanation.lines() if line)]
    return [*lines, *(f"{right.name} {right.text} {right.source}" for right in said.rights)]


def _keep_in(folder: str, signed: bool) -> None:
    settings.MEDIA_ROOT = folder
    if not signed:
        settings.PDF_SIGNING_FILE = ""


def bench(database: str, size: int, rounds: int) -> Table:
    """Alternate alone and peer, then the whole batch once; with signatures where asked for."""
    period = job(database, "tests.benchmarks.letters:prepare")["period"]
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        one = job(database, "tests.benchmarks.letters:alone", period=period, signed=False)
        mine += one["taken"]
        theirs += job(database, "tests.benchmarks.letters:peer", period=period)["taken"]
    table = Table(f"letters (告知书), {size:,} pharmacies")
    table.add(
        "one letter, median", median(mine), f"{one['size'] / 1024:.0f} KB; p95 {_p95(mine) * 1000:.0f} ms"
    )
    table.add(
        "bare drawing, median", median(theirs), f"p95 {_p95(theirs) * 1000:.0f} ms; text only, nothing kept"
    )
    for signed in (False, True) if settings.PDF_SIGNING_FILE else (False,):
        whole = job(database, "tests.benchmarks.letters:batch", period=period, signed=signed)
        peaks = ", ".join(
            f"{megabytes(peak - whole['idle'])} after {count:,}" for count, peak in whole["peaks"]
        )
        table.add(
            f"all {whole['written']:,}{', signed' if signed else ''}",
            whole["seconds"],
            f"{whole['seconds'] / whole['written'] * 1000:.0f} ms each; peak above idle {peaks}",
        )
        table.add("  what the font lacks", whole["preflight"])
        table.add("  asking for them", whole["asking"])
    return table


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[-1]

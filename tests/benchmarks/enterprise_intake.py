"""Intake of departments' records: calls of 10,000 through the whole view, against psql's COPY of the same rows into the
same table with its indexes, triggers and keys. ``enterprise_filling.py`` fills it. Ours and psql take turns.

What follows from records (assessments) is a task of its own, as with a broker, and is not measured here.
"""

import tempfile
import time
import uuid
from pathlib import Path
from statistics import median
from typing import Any, Final
from unittest import mock

import orjson
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit import record_files, tasks
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditRecord, CreditSubject, RecordBatch
from applications.enterprise_credit.rules.catalogue import RecordType
from ratings.services.audit import Actor
from tests.benchmarks import bank
from tests.benchmarks.rating import checkpoint
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

HERE: Final = "tests.benchmarks.enterprise_intake"
TYPE: Final = "scjgj-penalty"
ROWS: Final = 10_000
#: Rows of the file.
FILE_ROWS: Final = 200_000
_TABLE: Final = CreditRecord._meta.db_table


class _Program:
    """A client of the department, with a token."""

    def __init__(self) -> None:
        from tests.clients import building as clients

        department = Organisation.objects.get(key="scjgj")
        self.headers = clients.bearer(clients.client(("department:supply",), department))

    def send(self, body: bytes) -> tuple[float, float, dict[str, Any]]:
        """Seconds, seconds of processor time (ours and the server's), and the answer."""
        headers = {**self.headers, "idempotency-key": str(uuid.uuid4())}
        start, worked = time.perf_counter(), _worked()
        with mock.patch.object(tasks.refresh, "delay"):
            answer = Browser().post(
                f"/api/v1/department/records/{TYPE}/", body, content_type="application/json", headers=headers
            )
        seconds, worked = time.perf_counter() - start, _worked() - worked
        if answer.status_code != 200:
            raise SystemExit(answer.content.decode()[:2_000])
        return seconds, worked, orjson.loads(answer.content)


def _worked() -> float:
    """Processor time of this process, and of its server process where that is on this machine: what a call costs
    however busy the machine is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    told = Path(f"/proc/{pid}/schedstat")
    return time.process_time() + (int(told.read_text().split()[0]) / 1e9 if told.exists() else 0)


def _record_type() -> RecordType:
    found = catalogue_on(timezone.localdate()).record_type(TYPE)
    if found is None:
        raise SystemExit(f"the catalogue has no {TYPE}")
    return found


def _rows(turn: str, count: int, fine: int = 500_000) -> list[dict[str, Any]]:
    """Records of as many enterprises, spread over all."""
    known = list(CreditSubject.objects.values_list("uscc", "name").order_by("uscc"))
    step = max(1, len(known) // count)
    today = timezone.localdate().isoformat()
    return [
        {
            "record_no": f"{turn}-{number:07d}",
            "social_credit_code": uscc,
            "name": name,
            "document_no": f"绍市监罚〔2026〕{number}号",
            "decided_on": today,
            "valid_from": today,
            "valid_until": None,
            "data": {"content": "销售劣药，警告并罚款", "fine_fen": fine + number},
        }
        for number, (uscc, name) in enumerate((known * (count // len(known) + 1))[:: step or 1][:count])
    ]


def calls(rounds: int) -> dict[str, Any]:
    """Seconds of calls of new rows, of the same rows as corrections, and of rows that are known already."""
    program = _Program()
    taken: dict[str, list[float]] = {"accepted": [], "corrected": [], "unchanged": []}
    worked: dict[str, list[float]] = {name: [] for name in taken}
    batches = []
    # as in a server that has been running for a while
    program.send(orjson.dumps({"records": _rows(str(uuid.uuid4()), ROWS)}))
    for _ in range(rounds):
        turn = str(uuid.uuid4())
        for outcome, fine in (("accepted", 1), ("corrected", 2), ("unchanged", 2)):
            seconds, busy, answer = program.send(orjson.dumps({"records": _rows(turn, ROWS, fine)}))
            if answer[outcome] != ROWS:
                raise SystemExit(f"{outcome}: {answer[outcome]:,} of {ROWS:,}")
            taken[outcome].append(seconds)
            worked[outcome].append(busy)
            if outcome == "accepted":
                batches.append(answer["batch"])
    return {"taken": taken, "worked": worked, "batches": batches}


def rows_of(batch: int, place: str) -> dict[str, Any]:
    """Write the rows of a batch to a file under other numbers, and how psql puts them into the table."""
    columns = [
        field.column
        for field in CreditRecord._meta.concrete_fields
        if field.column not in {"id", "record_no"}
    ]
    listed = ", ".join(f'"{name}"' for name in columns)
    shown = listed.replace('"voided_at"', "NULL::timestamptz")
    for name in ("ending", "void_reason", "voided_by"):
        shown = shown.replace(f'"{name}"', "''")
    with connection.cursor() as cursor, Path(place).open("wb") as file:
        statement = f"COPY (SELECT '{uuid.uuid4()}-' || \"row\", {shown} FROM {_TABLE} WHERE batch_id = {int(batch)}) TO STDOUT"
        with cursor.copy(statement) as copy:
            for block in copy:
                file.write(block)
    return {"sql": f"\\copy {_TABLE} (record_no, {listed}) FROM '{place}'", **_reached()}


def _reached() -> dict[str, Any]:
    told = connection.settings_dict
    return {
        "environment": {
            "PGHOST": told["HOST"], "PGPORT": str(told["PORT"] or ""), "PGUSER": told["USER"],
            "PGPASSWORD": told["PASSWORD"], "PGDATABASE": told["NAME"],
        }
    }  # fmt: skip


def file() -> dict[str, Any]:
    """A large CSV file: dry run and acceptance, and memory above idle."""
    by, record_type = Actor("基准"), _record_type()
    department = Organisation.objects.get(key="scjgj")
    with tempfile.NamedTemporaryFile(suffix=".csv") as place:
        turn = str(uuid.uuid4())
        place.write("记录编号,统一社会信用代码,企业名称,文书号,认定日期,处罚内容,罚款金额\n".encode())
        for row in _rows(turn, FILE_ROWS):
            cells = (*(row[name] for name in ("record_no", "social_credit_code", "name", "document_no", "decided_on")),
                     row["data"]["content"], f"{row['data']['fine_fen'] / 100:.2f}")  # fmt: skip
            place.write((",".join(cells) + "\n").encode())
        place.flush()
        place.seek(0)
        size = Path(place.name).stat().st_size
        idle = bank._memory(start=True)["VmRSS"]
        start = time.perf_counter()
        batch = record_files.check_file(record_type, place, "大文件.csv", department=department, by=by)
        checked = time.perf_counter()
    with mock.patch.object(tasks.refresh, "delay"):
        batch = record_files.accept_file(batch, by=by)
    if batch.accepted != FILE_ROWS:
        raise SystemExit(f"accepted {batch.accepted:,} of {FILE_ROWS:,}")
    return {
        "checked": checked - start,
        "accepted": time.perf_counter() - checked,
        "above": bank._memory()["VmHWM"] - idle,
        "bytes": size,
        "state": RecordBatch.objects.get(pk=batch.pk).state,
    }


def bench(database: str, size: int, rounds: int) -> Table:
    """Fill, then measure."""
    job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
    table = Table(f"intake of records, {size:,} enterprises")
    psql = bank._psql()
    ratios, copied = [], []
    taken: dict[str, list[float]] = {"accepted": [], "corrected": [], "unchanged": []}
    worked: dict[str, list[float]] = {name: [] for name in taken}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            done = job(database, f"{HERE}:calls", rounds=1)
            peer = 0.0
            if psql:
                place = str(Path(folder) / "rows")
                asked = job(database, f"{HERE}:rows_of", batch=done["batches"][0], place=place)
                peer = bank._copied(psql, asked)
            if number:  # the first is a warm-up
                for what in taken:
                    taken[what] += done["taken"][what]
                    worked[what] += done["worked"][what]
                copied.append(peer)
                ratios.append(peer / done["taken"]["accepted"][0])
    for what, title in (("accepted", "new"), ("corrected", "corrections"), ("unchanged", "known already")):
        seconds = median(taken[what])
        told = f"{ROWS / seconds:,.0f} records a second"
        if what == "accepted" and psql:
            told += f" / psql's COPY {ROWS / median(copied):,.0f} = {median(ratios):.2f}"
        busy = median(worked[what])
        told += f"; {busy:.3f} s of processor time, {ROWS / busy:,.0f} a second"
        table.add(f"call of {ROWS:,}, {title}", seconds, told)
    found = job(database, f"{HERE}:file")
    table.add(
        f"file of {FILE_ROWS:,}, dry run",
        found["checked"],
        f"{FILE_ROWS / found['checked']:,.0f} rows a second",
    )
    table.add(
        "the same, accepted",
        found["accepted"],
        f"{FILE_ROWS / found['accepted']:,.0f} rows a second; {megabytes(found['above'])} above idle,"
        f" file of {megabytes(found['bytes'])}",
    )
    if not psql:
        table.add("psql is not on this machine: not compared", None)
    return table

"""Enterprises with pharmacies, published grades and credit records, straight into the tables, the same every time.

Each enterprise has one pharmacy, but the first, which is a chain of 300. Three periods are published. There are
twenty records an enterprise, over all types of the catalogue in force: of each kind about as many as there are in
life, three in a hundred voided, one unmatched, some expired, a few under objection. What follows from them
(subjects, assessments, standings) is derived at the end by the application itself.

``python -m tests.benchmarks --only enterprise --keep`` keeps the database, and takes it up again the next time.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit import standings
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.rules.catalogue import RecordField, RecordType
from applications.enterprise_credit.rules.kinds import RecordKind
from ratings.models import District
from tests import factories
from tests.benchmarks import bank_data, data

#: Records of an enterprise, and pharmacies of the chain.
EACH: Final = 20
CHAIN: Final = 300
#: Rows of a batch of records.
BATCH: Final = 10_000
#: Published, oldest first.
PERIODS: Final = ("2025Q2", "2025Q3", "2025Q4")
#: How many enterprises nobody knows are named in records that match nothing.
_STRANGERS: Final = 1_000
#: Of each kind, how common its records are.
_COMMON: Final[Mapping[RecordKind, int]] = {
    "PERMIT": 400,
    "PENALTY": 60,
    "COMPULSION": 5,
    "INSPECTION": 500,
    "HONOUR": 80,
    "ARREARS": 40,
    "RED_LIST": 10,
    "BLACK_LIST": 1,
    "SCORE": 200,
    "COMMITMENT": 200,
    "JUDGMENT": 40,
    "OTHER": 200,
}
#: Records with the code of a pharmacy: so many of each pharmacy (of two years).
_OF_EACH_STORE: Final = 2

_FIRM: Final = "CREATE TEMP TABLE firm (n int PRIMARY KEY, uscc text, name text, district int)"
_NAMED: Final = """
UPDATE firm SET district = 110101 + 200 * (n %% %(districts)s), name = (ARRAY['杭州', '宁波', '温州', '绍兴', '嘉兴', '湖州',
    '金华', '衢州', '舟山', '台州', '丽水', '越城', '柯桥', '上虞', '诸暨', '嵊州', '新昌', '余姚', '慈溪', '义乌'])[1 + lot(n, 101, 20)]
    || substr(%(characters)s, 1 + lot(n, 102, length(%(characters)s)), 1)
    || substr(%(characters)s, 1 + lot(n, 103, length(%(characters)s)), 1)
    || substr(%(characters)s, 1 + lot(n, 104, length(%(characters)s)), 1)
    || (ARRAY['医药', '大药房', '医药连锁', '药业', '药品零售', '健康'])[1 + lot(n, 105, 6)]
    || (ARRAY['有限公司', '有限公司', '有限责任公司', '股份有限公司'])[1 + lot(n, 106, 4)]
"""
_CHARACTERS: Final = (
    "康仁益民济生堂和德福寿春泰安宁华美爱心百姓同善源瑞祥永盛恒信诚元正大众惠佳健怡乐天保芝林草本杏一"
)
_ENTERPRISES: Final = """
INSERT INTO ratings_enterprise (id, uscc, name, recorded_at)
SELECT n, uscc, name, TIMESTAMPTZ '2022-12-31 00:00+08' FROM firm WHERE n <= %(size)s
"""
# The others of whom the chain took a pharmacy have none.
_OWNED: Final = """
UPDATE ratings_pharmacy SET enterprise_id = CASE WHEN id %% %(step)s = 0 AND id < 300 * %(step)s THEN 1 ELSE id END,
    name = '某市康泰民生大药房' || id || '分店', designated_until = CASE WHEN id %% 100 = 98 THEN DATE '2025-06-01' END
"""
_BATCHES: Final = """
INSERT INTO enterprise_credit_recordbatch (id, department_id, record_type, source, state, idempotency_key, file_name,
    sha256, size, stored_file, mapping, accepted, corrected, withdrawn, unchanged, unmatched, refused, problems,
    uploaded_by, uploaded_at, accepted_by, accepted_at)
SELECT %(first_batch)s + k, %(department)s, %(type)s, 'FILE', 'ACCEPTED', '', '批次' || k || '.csv', repeat('0', 64), 1000000,
       '', '{}', least(%(batch)s, %(rows)s - k * %(batch)s), 0, 0, 0, 0, 0, '[]', '基准', now() - interval '5 years',
       '基准', now() - interval '5 years'
FROM generate_series(0, (%(rows)s - 1) / %(batch)s) k
"""
#: Record j of a type; ``{of}`` gives each a firm f (and a pharmacy p), ``{fields}`` its content.
_RECORDS: Final = """
INSERT INTO enterprise_credit_creditrecord (record_type, record_no, uscc, name, match, subject_id, document_no,
    decided_on, valid_from, valid_until, data, objected_on, objection, batch_id, "row", recorded_by, recorded_at,
    voided_at, ending, void_reason, voided_by)
SELECT %(type)s, %(type)s || '-' || j,
       CASE WHEN lot = 30 THEN (%(strangers)s::text[])[1 + j %% cardinality(%(strangers)s::text[])] ELSE uscc END,
       CASE WHEN lot BETWEEN 30 AND 39 THEN name || '第二' ELSE name END,
       CASE WHEN lot = 30 THEN 'NO_SUBJECT' WHEN lot BETWEEN 31 AND 39 THEN 'NAME_DIFFERS' ELSE 'MATCHED' END,
       CASE WHEN lot NOT BETWEEN 30 AND 39 THEN uscc END, '文〔' || extract(year FROM decided) || '〕' || j || '号',
       decided, decided, CASE WHEN lot %% 10 = 0 THEN decided + 1096 END, {fields},
       CASE WHEN lot IN (40, 41) THEN %(today)s - 10 END, CASE WHEN lot IN (40, 41) THEN '企业有异议' ELSE '' END,
       %(first_batch)s + j / %(batch)s, 1 + j %% %(batch)s, '基准', decided::timestamptz + interval '3 days',
       CASE WHEN lot < 30 THEN decided::timestamptz + interval '60 days' END,
       CASE WHEN lot < 10 THEN 'CORRECTED' WHEN lot < 30 THEN 'WITHDRAWN' ELSE '' END,
       CASE WHEN lot < 30 THEN '更正' ELSE '' END, CASE WHEN lot < 30 THEN '基准' ELSE '' END
FROM (SELECT j, lot(j, %(seed)s, 1000) AS lot, %(today)s - lot(j, %(seed)s + 1, 1500) AS decided, f.uscc, f.name, {code} AS code
      FROM generate_series(0, %(rows)s - 1) j {of}) one
"""
_OF_FIRM: Final = "JOIN firm f ON f.n = 1 + (j * 2654435761::bigint + %(seed)s) %% %(size)s"
_OF_STORE: Final = "JOIN ratings_pharmacy p ON p.id = 1 + j %% %(size)s JOIN firm f ON f.n = p.enterprise_id"


def fill(size: int = 500_000, derived: bool = True) -> dict[str, Any]:
    """Fill a migrated database that holds nothing of this, or the facts of ``data.py``; nothing where it is filled.

    Seconds of each part, and how many records there are. ``derived`` False leaves subjects, assessments and
    standings to whoever measures how these come to be.
    """
    took: dict[str, Any] = {}
    if _count("enterprise_credit_creditrecord") >= size * (EACH - 1):
        return {"records": _count("enterprise_credit_creditrecord")}
    steps: list[tuple[str, Callable[[], None]]] = [
        ("registry", lambda: _registry(size)),
        ("filling", lambda: _records(size)),
        ("vacuum", _vacuum),
    ]
    if derived:
        steps.insert(2, ("derive", derive))
    for name, act in steps:
        start = time.perf_counter()
        act()
        took[name] = round(time.perf_counter() - start, 1)
    return {"records": _count("enterprise_credit_creditrecord"), **took}


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def derive() -> None:
    """Subjects from the registry, and what follows from grades and records, as after a publication."""
    standings.refresh(None, timezone.localdate())


def chain() -> str:
    """The code of the enterprise with 300 pharmacies."""
    return factories.uscc(1)


def some_codes(count: int, size: int) -> list[str]:
    """Codes of so many different enterprises of a filled database, spread evenly."""
    return [factories.uscc(1 + n * (size // count)) for n in range(count)]


def _registry(size: int) -> None:
    """Districts and pharmacies where there are none yet; enterprises, and three published periods."""
    numbers = {"size": size, "districts": max(6, size // 180), "step": max(2, size // CHAIN)}
    with connection.cursor() as cursor:
        # Neither versions of the registry nor signed publications are wanted here.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(data.DRAW)
        cursor.execute(bank_data.LOT)
        if not District.objects.exists():
            cursor.execute(data.DISTRICTS, numbers)
            cursor.execute(data.PHARMACIES, numbers)
        _firms(cursor, size)
        cursor.execute("TRUNCATE ratings_publishedgrade, ratings_publication")
        cursor.execute("DELETE FROM ratings_enterprise")
        cursor.execute(_ENTERPRISES, numbers)
        cursor.execute(_OWNED, numbers)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE ratings_pharmacy, ratings_enterprise")
    for number, period in enumerate(PERIODS, start=1):
        bank_data.publish(number, period, draw=90 + number)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ratings_publishedgrade, ratings_publication")


def _firms(cursor: Any, size: int) -> None:
    """The enterprises by number, and strangers after them, in a table of this session."""
    cursor.execute("DROP TABLE IF EXISTS firm")
    cursor.execute(_FIRM)
    with cursor.copy("COPY firm (n, uscc) FROM STDIN") as copy:
        for n in range(1, size + _STRANGERS + 1):
            copy.write_row((n, factories.uscc(n)))
    cursor.execute(_NAMED, {"districts": max(6, size // 180), "characters": _CHARACTERS})
    cursor.execute("ANALYZE firm")


def _records(size: int) -> None:
    """Without row checks, and with the indexes made afterwards."""
    today = timezone.localdate()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "TRUNCATE enterprise_credit_creditrecord, enterprise_credit_recordbatch RESTART IDENTITY CASCADE"
        )
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'enterprise_credit_creditrecord'"
            " AND indexname <> 'enterprise_credit_creditrecord_pkey'"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        for statement, params in _inserts(size, today):
            cursor.execute(statement, params)
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('enterprise_credit_recordbatch', 'id'),"
            " (SELECT max(id) FROM enterprise_credit_recordbatch))"
        )
        cursor.execute("SET session_replication_role = DEFAULT")


def _inserts(size: int, today: date) -> Iterator[tuple[str, dict[str, Any]]]:
    catalogue = catalogue_on(today)
    departments = dict(Organisation.objects.values_list("key", "pk"))
    strangers = [factories.uscc(n) for n in range(size + 1, size + _STRANGERS + 1)]
    first = 1
    for number, (record_type, rows) in enumerate(_shares(catalogue.record_types, size)):
        params = {
            "type": record_type.key,
            "department": departments[record_type.department],
            "rows": rows,
            "size": size,
            "seed": 1000 + 100 * number,
            "first_batch": first,
            "batch": BATCH,
            "today": today,
            "strangers": strangers,
        }
        store = _store_field(record_type)
        statement = _RECORDS.replace("{of}", _OF_STORE if store else _OF_FIRM)
        statement = statement.replace("{code}", "p.code" if store else "''")
        yield _BATCHES, params
        yield statement.replace("{fields}", _content(record_type, params)), params
        first += -(-rows // BATCH)


def _shares(record_types: Sequence[RecordType], size: int) -> list[tuple[RecordType, int]]:
    """How many records of each type, of ``EACH`` an enterprise in all."""
    of_stores = [one for one in record_types if _store_field(one)]
    others = [one for one in record_types if not _store_field(one)]
    left = size * (EACH - _OF_EACH_STORE * len(of_stores))
    kinds = {kind: [one for one in others if one.kind == kind] for kind in _COMMON}
    all_kinds = sum(_COMMON[kind] for kind, types in kinds.items() if types)
    shares = [(one, _OF_EACH_STORE * size) for one in of_stores]
    for kind, types in kinds.items():
        shares += [(one, max(1, left * _COMMON[kind] // all_kinds // len(types))) for one in types]
    return shares


def _store_field(record_type: RecordType) -> RecordField | None:
    return next((field for field in record_type.fields if field.type == "designated_code"), None)


def _content(record_type: RecordType, params: dict[str, Any]) -> str:
    """The content of record j as SQL; texts and choices come in ``params``."""
    pairs = []
    for number, field in enumerate(record_type.fields):
        params[f"key{number}"] = field.key
        params[f"text{number}"] = list(field.choices) if field.choices else f"{field.label}：基准数据"
        lot = f"lot(j, %(seed)s + {10 + number}, "
        value = {
            "text": f"%(text{number})s::text",
            "date": "to_char(decided, 'YYYY-MM-DD')",
            "amount_fen": lot + "10000000)",
            "integer": "extract(year FROM decided)::int" if field.key == "year" else lot + "100)",
            "choice": f"(%(text{number})s::text[])[1 + {lot}{max(1, len(field.choices))})]",
            "designated_code": "code",
        }[field.type]
        pairs.append(f"%(key{number})s::text, {value}")
    return f"jsonb_build_object({', '.join(pairs)})" if pairs else "'{}'::jsonb"


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])

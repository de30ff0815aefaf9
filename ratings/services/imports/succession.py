"""Predecessors across rows: each has one successor, and has ended by the time that one begins.

Since nobody ends before beginning, there is no circle either. Looked at is the registry as it
would be with the whole file in it; rows that hang together are then refused together.
"""

from collections.abc import Iterator

from ratings.services.imports.staging import REFUSED, ROWS

_WRITTEN = "(r.old_id IS NULL OR r.differs)"
_OVERLAP = "(before.designated_until IS NULL OR before.designated_until > heir.designated_on)"


def problems(until: str, predecessor: str) -> Iterator[tuple[str, str, str]]:
    """(column, select of line, value, message and remedy, remedy).

    ``until`` and ``predecessor`` are the end and the predecessor's code that a row r of ROWS,
    with its counterpart old, would have afterwards, as SQL.
    """
    afterwards = f"""
        WITH afterwards AS (
            SELECT r.line, {_WRITTEN} AS written, r.code, r.designated_on,
                   {until} AS designated_until, {predecessor} AS predecessor
            FROM {ROWS} r LEFT JOIN ratings_pharmacy old ON old.id = r.old_id
            UNION ALL
            SELECT NULL, false, p.code, p.designated_on, p.designated_until, q.code
            FROM ratings_pharmacy p LEFT JOIN ratings_pharmacy q ON q.id = p.predecessor_id
            WHERE NOT EXISTS (SELECT 1 FROM {ROWS} r WHERE r.code = p.code)
        )
    """
    yield (
        "predecessor",
        f"""{afterwards}
        SELECT heir.line, heir.predecessor, '前身 ' || heir.predecessor || ' 已由 ' || other.code || ' 承继。', %s
        FROM afterwards heir JOIN afterwards other
        ON other.predecessor = heir.predecessor AND other.code <> heir.code
        WHERE heir.written
        """,
        "一家药店的历史只能由一家承继，请核对。",
    )
    yield (
        "predecessor",
        f"""{afterwards}
        SELECT heir.line, heir.predecessor,
            '前身 ' || before.code || coalesce(' 的定点终止日 ' || before.designated_until, ' 没有定点终止日')
            || '：须在本店定点起始日（' || heir.designated_on || '）或之前终止定点。', %s
        FROM afterwards heir JOIN afterwards before ON before.code = heir.predecessor
        WHERE heir.written AND {_OVERLAP}
        """,
        "请先登记前身的定点终止日（可在同一文件中），并核对两店的先后。",
    )
    yield (
        "designated_until",
        f"""{afterwards}
        SELECT before.line, before.designated_until::text,
            '本店是 ' || heir.code || ' 的前身，定点终止日不得空缺，也不得晚于 ' || heir.designated_on || '。', %s
        FROM afterwards heir JOIN afterwards before ON before.code = heir.predecessor
        WHERE before.written AND NOT heir.written AND {_OVERLAP}
        """,
        "请核对定点终止日和承继本店的药店。",
    )


def linked(predecessor: str) -> tuple[str, tuple[str]]:
    """A select of line, value, message and remedy, and its remedy: rows that share a pharmacy, as
    themselves or as predecessor, before or after, with a refused row, and so on down the line."""
    return (
        f"""
        WITH RECURSIVE touched AS (
            SELECT r.line, place.code
            FROM {ROWS} r CROSS JOIN LATERAL (VALUES (r.code), ({predecessor}), (r.old_predecessor)) place(code)
            WHERE {_WRITTEN} AND place.code IS NOT NULL
        ), lost(line) AS (
            SELECT line FROM {REFUSED}
            UNION
            SELECT other.line FROM lost JOIN touched USING (line) JOIN touched other USING (code)
        )
        SELECT r.line, coalesce({predecessor}, r.code), '与本店有前身关系的一行被拒收。', %s
        FROM lost JOIN {ROWS} r USING (line)
        WHERE NOT EXISTS (SELECT 1 FROM {REFUSED} f WHERE f.line = r.line)
        """,
        ("请先改正那一行。",),
    )

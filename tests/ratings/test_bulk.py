"""Binary COPY in and out: the same values come back, and what does not fit is refused."""

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from ratings import bulk
from ratings.bulk import read_columns, rows_of, write_columns

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7])
def test_what_is_written_is_read_again(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK_ROWS", 3)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (a int2, b int4, c int8, d bigint[]) ON COMMIT DROP")
    small, large = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    values = {
        "a": np.arange(rows, dtype=np.int16) - 3,
        "b": np.arange(rows, dtype=np.int32) * -70_000,
        "c": np.resize(np.array([small, -1, 0, large], np.int64), rows),
    }
    matrix = np.arange(rows * 2, dtype=np.int64).reshape(rows, 2) - 1
    assert write_columns("t", values, ("d", matrix)) == rows
    read = read_columns(
        "SELECT a, b, c, d[1], d[2] FROM t ORDER BY a",
        {},
        {"a": "i2", "b": "i4", "c": "i8", "x": "i8", "y": "i8"},
    )
    for name, column in values.items():
        assert read[name].tolist() == column.tolist()
        assert read[name].dtype == column.dtype
    assert np.column_stack([read["x"], read["y"]]).tolist() == matrix.tolist()


def test_parameters_and_text_of_fixed_width() -> None:
    read = read_columns("SELECT %(code)s::text", {"code": "P33060200001"}, {"code": "S12"})
    assert read["code"].tolist() == [b"P33060200001"]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT NULL::int8", "i8"),
        ("SELECT * FROM (VALUES (1::int8), (NULL)) v", "i8"),
        ("SELECT 1::int4", "i8"),
        ("SELECT 'short'", "S12"),
    ],
)
def test_nulls_and_other_widths_are_refused(sql: str, kind: str) -> None:
    with pytest.raises(ValueError, match="NULL"):
        read_columns(sql, {}, {"x": kind})


@given(
    ids=st.lists(st.integers(-5, 20), unique=True, max_size=12),
    wanted=st.lists(st.integers(-6, 21), max_size=12),
)
def test_rows_of_is_where_each_stands(ids: list[int], wanted: list[int]) -> None:
    found = rows_of(np.array(ids, np.int64), np.array(wanted, np.int64))
    assert found.tolist() == [ids.index(value) if value in ids else -1 for value in wanted]

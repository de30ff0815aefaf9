"""Legal terms: each unit ends on the day that the law says."""

from datetime import date
from pathlib import Path

import pytest
from pytest_django import Settings

from ratings.rules.terms import SHIPPED_TERMS, TERMS
from ratings.services.errors import Refused
from ratings.services.terms import deadline, term

DOCUMENT = "\n".join(
    f"""[[terms]]
id = "{term_id}"
title = "{title}"
from = 2020-01-01
length = {{length}}
unit = "{{unit}}"
source = "示例"
"""
    for term_id, title in TERMS.items()
)


def given(settings: Settings, folder: Path, length: int, unit: str) -> None:
    path = folder / f"{length}-{unit}.toml"
    path.write_text(DOCUMENT.format(length=length, unit=unit))
    settings.TERMS_FILE = path


@pytest.mark.parametrize(
    ("length", "unit", "start", "end"),
    [
        (3, "working_days", date(2025, 9, 29), date(2025, 10, 10)),  # 1 to 8 October are off
        (3, "days", date(2025, 9, 27), date(2025, 9, 30)),
        (3, "days", date(2025, 9, 28), date(2025, 10, 9)),  # ends on 1 October: 民法典 203
        (1, "days", date(2025, 10, 10), date(2025, 10, 11)),  # a Saturday that is worked
        (0, "months", date(2026, 1, 31), date(2026, 1, 31)),
        (1, "months", date(2026, 1, 31), date(2026, 2, 28)),  # a Saturday: a waiting time does not move
    ],
)
def test_ends(settings: Settings, tmp_path: Path, length: int, unit: str, start: date, end: date) -> None:
    given(settings, tmp_path, length, unit)
    assert deadline("objection_answer", start) == (end, True)


def test_a_year_without_a_calendar_is_said(settings: Settings, tmp_path: Path) -> None:
    given(settings, tmp_path, 5, "working_days")
    assert deadline("objection_answer", date(2089, 1, 3)) == (date(2089, 1, 10), False)


def test_the_shipped_terms() -> None:
    assert deadline("objection_answer", date(2025, 6, 2)).day == date(2025, 6, 9)
    assert term("objection_last", date(2025, 6, 2)).length == 20
    assert SHIPPED_TERMS.name == "terms.toml"


def test_before_the_first_term(settings: Settings, tmp_path: Path) -> None:
    given(settings, tmp_path, 5, "days")
    assert deadline("objection_answer", date(2020, 1, 1))
    with pytest.raises(Refused, match=r"尚无规定.*补写一条"):
        deadline("objection_answer", date(2019, 12, 31))


@pytest.mark.parametrize("text", [None, "[[terms]]"])
def test_a_file_that_cannot_be_used(settings: Settings, tmp_path: Path, text: str | None) -> None:
    settings.TERMS_FILE = tmp_path / "own.toml"
    if text:
        settings.TERMS_FILE.write_text(text)
    with pytest.raises(Refused, match=r"办理期限文件 own\.toml 无法使用"):
        deadline("objection_answer", date(2025, 1, 1))


def test_a_term_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        deadline("nothing", date(2025, 1, 1))

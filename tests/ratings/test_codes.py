"""Codes: good ones pass, each way of being wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings import codes

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def a_uscc(start: str, body: str) -> str:
    seventeen = start + body + codes.organisation_check_digit(body)
    return seventeen + codes.uscc_check_digit(seventeen)


@pytest.mark.parametrize("code", ["330602", "110101", "820001", "659001"])
def test_good_districts(code: str) -> None:
    assert codes.district_problem(code) == ""


@pytest.mark.parametrize("code", ["", "33060", "3306022", "33060A", "990602", "000000", "１２３４５６"])
def test_bad_districts(code: str) -> None:
    assert codes.district_problem(code)


@pytest.mark.parametrize("code", ["P33060200672", "P11010100001", "P44030700943"])
def test_good_designated_codes(code: str) -> None:
    assert codes.designated_code_problem(code) == ""


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("H33060200672", "医疗机构"),
        ("P3306020067", "十二位"),
        ("P330602006722", "十二位"),
        ("p33060200672", "十二位"),
        ("P3306020067X", "十二位"),
        ("P99060200672", "省级"),
        ("", "十二位"),
    ],
)
def test_bad_designated_codes(code: str, word: str) -> None:
    assert word in codes.designated_code_problem(code)


@given(st.sampled_from(["91", "92", "93", "12", "11", "A1", "N1", "Y1"]), st.integers(0, 99_999_999))
def test_codes_with_right_digits_pass_letters_first_too(start: str, serial: int) -> None:
    assert codes.uscc_problem(a_uscc(f"{start}330602", f"{serial:08d}")) == ""


@given(st.integers(0, 99_999_999), st.integers(0, 17), st.sampled_from(_ALPHABET))
def test_one_wrong_character_is_noticed(serial: int, place: int, character: str) -> None:
    good = a_uscc("91330602", f"{serial:08d}")
    wrong = good[:place] + character + good[place + 1 :]
    assert bool(codes.uscc_problem(wrong)) == (wrong != good)


@pytest.mark.parametrize("code", ["91330602I00000000X", "9133060200000000", "913306020000000000x"])
def test_malformed_social_credit_codes(code: str) -> None:
    assert "十八位" in codes.uscc_problem(code)


def test_the_organisation_code_inside_is_checked() -> None:
    body = "12345678"
    right = codes.organisation_check_digit(body)
    wrong = "0" if right != "0" else "1"
    seventeen = f"91330602{body}{wrong}"
    assert "组织机构代码" in codes.uscc_problem(seventeen + codes.uscc_check_digit(seventeen))


def test_organisation_check_digits() -> None:
    assert codes.organisation_check_digit("00000000") == "0"
    digits = {codes.organisation_check_digit(f"{number:08d}") for number in range(300)}
    assert digits == set("0123456789X")


def test_check_digits_of_nonsense() -> None:
    with pytest.raises(ValueError):
        codes.uscc_check_digit("I" * 17)

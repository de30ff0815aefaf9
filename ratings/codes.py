"""Checks of the codes that facts come with. Pure Python, no Django.

Each ``*_problem`` function returns "" for a good code, else what is wrong, in Chinese.
"""

import re
from operator import mul

from stdnum import exceptions
from stdnum.cn import uscc

#: First two digits of a GB/T 2260 code: the provinces.
PROVINCES = frozenset(
    {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46}
    | {50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82}
)
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_VALUES = {character: int(character, 36) for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
#: GB 32100: what characters count, and places.
_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {character: value for value, character in enumerate(_CHARACTERS)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_DESIGNATED = re.compile(r"P[0-9]{11}")


def district_problem(code: str) -> str:
    """A county-level GB/T 2260 code: six digits, province known, not a whole city."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return f"行政区划代码“{code}”须为六位数字（GB/T 2260）。"
    if int(code[:2]) not in PROVINCES:
        return f"行政区划代码“{code}”的前两位不是省级代码。"
    return ""


def designated_code_problem(code: str) -> str:
    """A pharmacy's designated code: P, six digits of GB/T 2260, five digits."""
    if not _DESIGNATED.fullmatch(code):
        if code.startswith("H"):
            return f"“{code}”是定点医疗机构编码（H 开头），不是药店编码（P 开头）。"
        return f"定点编码“{code}”须为十二位：P＋六位行政区划代码＋五位顺序号。"
    if int(code[1:3]) not in PROVINCES:
        return f"定点编码“{code}”第二、三位不是省级行政区划代码。"
    return ""


def uscc_problem(code: str) -> str:
    """A unified social credit code (GB 32100), its own and its organisation's check digit.

    python-stdnum refuses codes whose first character is a letter and leaves the organisation code (GB 11714)
    inside unchecked; both are done here, and with tables, as imports check millions.
    """
    if not _USCC.fullmatch(code):
        return f"统一社会信用代码“{code}”须为十八位数字或大写字母（不含 I、O、S、V、Z），第三至八位为数字。"
    expected = _check_digit(code)
    if code[17] != expected:
        return f"统一社会信用代码“{code}”校验位不符：末位应为 {expected}，请核对是否录错。"
    organisation = organisation_check_digit(code[8:16])
    if code[16] != organisation:
        return f"统一社会信用代码“{code}”中的组织机构代码校验位不符：第十七位应为 {organisation}。"
    return ""


def organisation_check_digit(body: str) -> str:
    """The check digit of an eight-character organisation code (GB 11714)."""
    if len(body) != len(_ORG_WEIGHTS):
        raise ValueError(f"{body!r} has not eight characters")
    total = sum(map(mul, _ORG_WEIGHTS, map(_ORG_VALUES.__getitem__, body)))
    remainder = 11 - total % 11
    return {10: "X", 11: "0"}.get(remainder) or str(remainder)


def _check_digit(code: str) -> str:
    """Of the first seventeen of a code's characters, all of which are known."""
    return _CHARACTERS[-sum(map(mul, _WEIGHTS, map(_VALUES.__getitem__, code))) % 31]


def uscc_check_digit(body: str) -> str:
    """The check digit of the first seventeen characters. Raises ValueError on a bad character."""
    try:
        return str(uscc.calc_check_digit(body))
    except (exceptions.ValidationError, KeyError) as error:
        raise ValueError(f"{body!r} is no start of a unified social credit code") from error

"""What banks ask about pharmacies, and what for: single codes, batches, purposes."""

import re
from dataclasses import dataclass
from typing import Final

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from stdnum.cn import uscc

from applications.api.bodies import read_object
from applications.api.parameters import Parameters
from applications.api.problems import Text

#: What a batch may hold.
MOST_CODES: Final = 10_000
MOST_BYTES: Final = 1024 * 1024
#: So many faults of a batch are told of.
_MOST_FAULTS: Final = 20
CODE: Final = re.compile(r"P[0-9]{11}")
#: The alphabet of GB 32100.
SOCIAL_CREDIT_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_NO_CODE: Final = _("定点编码为 P 加十一位数字。")
_NO_SOCIAL_CREDIT_CODE: Final = _("统一社会信用代码为十八位数字或大写字母，第三至八位为数字。")
_NEITHER: Final = _("不是定点编码（P 加十一位数字），也不是统一社会信用代码（十八位）。")
_MISTYPED: Final = _("统一社会信用代码的校验位不符，请核对是否录错。")


class Purpose(TextChoices):
    """What a call is for, as the record of calls keeps it."""

    PRE_LOAN = "pre_loan", "贷前审查"
    POST_LOAN = "post_loan", "贷后管理"
    #: of reading lists, not to be given
    LIST_SYNC = "list_sync", "名单同步"


#: What the operations of the feed are called in the record of calls.
OPERATIONS: Final = {
    "bank_products": "贷款产品列表",
    "bank_product": "贷款产品",
    "bank_pharmacies": "分页读取名单",
    "bank_changes": "读取名单变动",
    "bank_stream_begun": "开始下载整份名单",
    "bank_stream": "下载整份名单",
    "bank_check": "按编码核查",
    "bank_check_batch": "批量核查",
    "bank_feedback": "报送贷款情况",
}
#: Those that a check must name.
PURPOSES: Final = (str(Purpose.PRE_LOAN), str(Purpose.POST_LOAN))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which codes, and what for."""

    purpose: str
    codes: list[str]


def read_check(parameters: Parameters) -> Asked:
    """A single check: ``code`` or ``social_credit_code``. Raises Problem (400) with all that is wrong."""
    names = [name for name in ("code", "social_credit_code") if parameters.given.get(name)]
    codes = [parameters.one(name) for name in names]
    if len(names) != 1:
        parameters.wrong("code", _("请写 code 或 social_credit_code，二者之一。"))
    elif fault := code_fault(codes[0], names[0]):
        parameters.wrong(names[0], fault)
    purpose = _purpose(parameters, parameters.one("purpose"))
    parameters.refuse()
    return Asked(purpose, codes)


def read_batch(request: HttpRequest) -> Asked:
    """A batch: each code once, in the order asked; malformed ones too. Raises Problem (400, 413, 415)."""
    given = read_object(request, MOST_BYTES)
    faults = Parameters(dict.fromkeys(given, ()), ("purpose", "codes"))
    purpose, codes = given.get("purpose"), given.get("codes")
    if purpose is not None and not isinstance(purpose, str):
        faults.wrong("purpose", _("须为字符串。"))
    else:
        purpose = _purpose(faults, purpose or "")
    if not isinstance(codes, list) or not 1 <= len(codes) <= MOST_CODES:
        faults.wrong("codes", _("须为 1 至 {most} 个编码的数组。"), most=MOST_CODES)
    else:
        odd = [place for place, code in enumerate(codes) if not isinstance(code, str)]
        for place in odd[:_MOST_FAULTS]:
            faults.wrong(f"codes.{place}", _("须为字符串。"))
    faults.refuse()
    return Asked(str(purpose), list(dict.fromkeys(codes or ())))


def code_fault(code: str, kind: str = "") -> Text | None:
    """What is wrong with a code, None = nothing; ``kind``: "code", "social_credit_code", "" = either."""
    if kind == "code":
        return None if CODE.fullmatch(code) else _NO_CODE
    if not SOCIAL_CREDIT_CODE.fullmatch(code):
        if kind:
            return _NO_SOCIAL_CREDIT_CODE
        return None if CODE.fullmatch(code) else _NEITHER
    return None if uscc.calc_check_digit(code[:17]) == code[17] else _MISTYPED


def _purpose(parameters: Parameters, value: str) -> str:
    if not value:
        parameters.wrong("purpose", _("须写明用途：{choices}。"), choices=" ".join(PURPOSES))
    elif value not in PURPOSES:
        parameters.unlike("purpose", value, PURPOSES)
    return value

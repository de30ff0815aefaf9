"""What the answers of the API hold, field by field.

Serializers here are for the description only; answers are plain dicts of ``reading.py`` and ``views.py`` and held
against it in ``tests/bank_loans/test_api_schema.py``.
"""

from enum import StrEnum

from rest_framework import serializers

from applications.bank_loans.api.asking import Purpose
from applications.bank_loans.models import Change, Reason


class Outcome(StrEnum):
    """What a check finds of a code."""

    #: of a social credit code: at least one of its pharmacies
    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    UNKNOWN = "unknown"
    #: no code at all; ``detail`` says why
    MALFORMED = "malformed"


_OF_LIST = {"position": "名单序号：末次变动的 number Position of the list: `number` of its last change"}
_SEQ = "已计入的公布序号 The last row of the published ledger that it takes account of"


class LoanProductSerializer(serializers.Serializer):
    key = serializers.CharField(help_text="产品代码，用于地址 Key, as in addresses")
    name = serializers.CharField(help_text="名称 Name")
    minimum_grade = serializers.CharField(help_text="最低等级 The worst grade that is eligible")
    credit_line_fen = serializers.IntegerField(help_text="授信额度，分 Credit line, in fen (1/100 yuan)")
    loan_limit_fen = serializers.IntegerField(help_text="信用额度，分 Loan limit, in fen")
    districts = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="适用区县（GB/T 2260）；空＝全市 Districts; empty: the whole city",
    )
    minimum_months = serializers.IntegerField(help_text="最短定点月数 Months designated, at least")
    minimum_periods = serializers.IntegerField(
        help_text="连续达标期数 Newest periods in a row with the minimum grade or better"
    )
    authorisation_required = serializers.BooleanField(
        help_text="须经药店授权 Only pharmacies whose authorisation is on record"
    )
    valid_from = serializers.DateField(help_text="起始日 Offered from this day on")
    valid_until = serializers.DateField(
        allow_null=True, help_text="失效日（当日起不再适用）；null＝未定 Until the day before; null: open"
    )
    sandbox = serializers.BooleanField(
        help_text="联调用，药店是虚构的 For integrators; its pharmacies are fictitious"
    )
    count = serializers.IntegerField(help_text="名单上的药店数 Pharmacies on the list")
    position = serializers.IntegerField(help_text=_OF_LIST["position"])
    ledger_seq = serializers.IntegerField(help_text=_SEQ)
    as_of = serializers.DateField(help_text="名单日期 The day that the list holds for")


class LoanProductsSerializer(serializers.Serializer):
    results = LoanProductSerializer(many=True)


class EligiblePharmacySerializer(serializers.Serializer):
    """A row of the list; in the streams too."""

    code = serializers.CharField(help_text="定点编码 Designated code")
    social_credit_code = serializers.CharField(
        help_text="统一社会信用代码；空＝未登记 Social credit code of the enterprise; empty: not on record"
    )
    number = serializers.IntegerField(help_text="末次变动的序号 `number` of its last change")
    name = serializers.CharField(help_text="名称 Name")
    district = serializers.IntegerField(help_text="区县代码 District by GB/T 2260")
    district_name = serializers.CharField(help_text="区县 Name of the district")
    designated_on = serializers.DateField(help_text="定点起始日 Designated from this day on")
    seq = serializers.IntegerField(help_text="等级的公布序号 Number of its grade in the published ledger")
    period = serializers.CharField(help_text="评价周期 The period rated: 2025, 2025H1, 2025Q3, 2025-07")
    scheme = serializers.CharField(help_text="评价规则及版本 The scheme and its version, key@version")
    grade = serializers.CharField(help_text="等级，如 A The grade, such as A")
    label = serializers.CharField(help_text="等级名称，如 优秀 What the grade is called")
    valid_from = serializers.DateField(help_text="生效日 In force from this day on")
    valid_until = serializers.DateField(
        allow_null=True,
        help_text="失效日（当日起不再有效）；null＝至下次公布 In force until the day before; null: until the next",
    )
    under_objection = serializers.BooleanField(help_text="有异议正在处理 An objection to it is being heard")


class PageSerializer(serializers.Serializer):
    product = serializers.CharField(help_text="产品代码 Key of the product")
    position = serializers.IntegerField(help_text=_OF_LIST["position"])
    ledger_seq = serializers.IntegerField(help_text=_SEQ)
    next = serializers.URLField(
        allow_null=True, help_text="下一页的地址；null＝没有了 Address of the next page; null: there is none"
    )


class EligiblePharmaciesSerializer(PageSerializer):
    changes_since = serializers.IntegerField(
        help_text="第一页时的名单序号：读完各页后，从它起读变动"
        " Position when the first page was read: after the last page, read changes since it"
    )
    results = EligiblePharmacySerializer(many=True, help_text="按定点编码 By designated code")


_REASONS = serializers.ListField(
    child=serializers.ChoiceField(choices=[str(one) for one in Reason]),
    help_text="不符合的原因；空＝符合 Why it is not eligible; empty: it is. "
    + "; ".join(f"{one}: {one.label}" for one in Reason),
)
_STATE = ["eligible", "not_eligible"]


class ListChangeSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="名单序号 1, 2, 3 …，没有空号 Without gaps")
    code = EligiblePharmacySerializer().fields["code"]
    social_credit_code = EligiblePharmacySerializer().fields["social_credit_code"]
    kind = serializers.ChoiceField(
        choices=[str(one) for one in Change.Kind],
        help_text="; ".join(f"{one}: {one.label}" for one in Change.Kind),
    )
    old = serializers.ChoiceField(choices=_STATE, help_text="此前 Before it")
    new = serializers.ChoiceField(choices=_STATE, help_text="此后 After it")
    cause = serializers.ChoiceField(
        choices=[str(one) for one in Change.Cause],
        help_text="起因 What brought it about. " + "; ".join(f"{one}: {one.label}" for one in Change.Cause),
    )
    reasons = _REASONS
    ledger_seq = serializers.IntegerField(help_text=_SEQ)
    at = serializers.DateTimeField(help_text="时间 When")
    pharmacy = EligiblePharmacySerializer(
        allow_null=True,
        help_text="名单上现在的那一行；null＝现在不在名单上 Its row of the list as it is now; null: it is not on it",
    )


class ListChangesSerializer(PageSerializer):
    since = serializers.IntegerField(help_text="从此号之后 Changes after this number")
    last = serializers.IntegerField(
        help_text="下次用作 since：末行的 number To be `since` next time: `number` of the last row"
    )
    results = ListChangeSerializer(many=True, help_text="按 number By `number`")


class CheckedPharmacySerializer(serializers.Serializer):
    code = serializers.CharField(
        help_text="定点编码；空＝没有授权或产品已停，只告知所问的编码"
        " Designated code; empty: not authorised or the product is closed, only the code asked for is told"
    )
    social_credit_code = serializers.CharField(
        help_text="统一社会信用代码；空＝同上或未登记 Empty: as above, or not on record"
    )
    eligible = serializers.BooleanField(help_text="符合条件 It is on the list")
    reasons = _REASONS
    pharmacy = EligiblePharmacySerializer(allow_null=True, help_text="名单上的那一行 Its row of the list")


class CheckResultSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="所问的编码 The code as it was asked for")
    outcome = serializers.ChoiceField(
        choices=[str(one) for one in Outcome],
        help_text="符合条件（统一社会信用代码：其药店中至少一家）、不符合、不知道这个编码、不是编码"
        " eligible: of a social credit code, at least one of its pharmacies; malformed: no code",
    )
    pharmacies = CheckedPharmacySerializer(
        many=True, help_text="该编码所指的药店 The pharmacies that it names"
    )
    detail = serializers.CharField(required=False, help_text="仅 malformed：什么不对（中文）Why, in Chinese")
    detail_en = serializers.CharField(required=False, help_text="同上（英文）The same in English")


class CheckSerializer(serializers.Serializer):
    product = PageSerializer().fields["product"]
    position = PageSerializer().fields["position"]
    ledger_seq = PageSerializer().fields["ledger_seq"]
    purpose = serializers.ChoiceField(
        choices=[str(Purpose.PRE_LOAN), str(Purpose.POST_LOAN)], help_text="用途 What it was asked for"
    )
    results = CheckResultSerializer(
        many=True, help_text="按所问的次序，各一次 In the order asked, each code once"
    )

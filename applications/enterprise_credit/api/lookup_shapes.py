"""A profile as the API tells it, and what the description says of it.

Serializers are for the description only; answers are held against it in ``tests/enterprise_credit``.
"""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from applications.enterprise_credit.models import Look
from applications.enterprise_credit.profiles import Group, Profile, Record, Store
from applications.enterprise_credit.rules.kinds import PUBLICITIES, RECORD_KINDS
from applications.enterprise_credit.searching import Found
from applications.enterprise_credit.timeline import timeline
from applications.enterprise_credit.words import SERVICES
from ratings.published import EVENTS

#: Names of the API for fields of a published grade that are called otherwise there.
_RENAMED: Final = {"score": "score_thousandths"}
#: Of a published grade, in the order of the answer.
GRADE: Final = (
    "seq", "event", "period", "period_end", "scheme", "grade", "label", "score", "rank_district", "rank_city",
    "valid_from", "valid_until", "reason", "under_objection",
)  # fmt: skip


def told_found(found: Found, purpose: str) -> dict[str, Any]:
    """What a search found."""
    return {
        "purpose": purpose,
        "more": found.more,
        "results": [
            {
                "social_credit_code": one.uscc,
                "name": one.name,
                "district": one.district,
                "district_name": one.district_name,
            }
            for one in found.matches
        ],
    }


def told(profile: Profile, look: Look) -> dict[str, Any]:
    """The whole profile; the same as the page shows."""
    subject = profile.subject
    return {
        "social_credit_code": subject.uscc,
        "name": subject.name,
        "district": subject.district,
        "district_name": profile.district_name,
        "as_of": profile.on,
        "look": {"number": look.pk, "at": look.at, "purpose": look.purpose, "case_no": look.case_no},
        "credit": _credit(profile),
        "scores": [
            {"on": one.on, "score_thousandths": one.score, "grade": one.grade} for one in profile.scores
        ],
        "pharmacies": [_store(one) for one in profile.stores],
        "districts": [
            {
                "district": one.district,
                "name": one.name,
                "pharmacies": one.stores,
                "grades": _counts(one.grades),
            }
            for one in profile.places
        ],
        "lists": [
            {
                "kind": one.type.kind,
                "type": one.type.key,
                "title": one.type.title,
                "record_no": record.record_no,
            }
            for one, record in profile.lists
        ],
        "records": [_group(one) for one in profile.groups],
        "timeline": [
            {"on": one.on, "kind": one.kind, "title": one.title, "text": one.text}
            for one in timeline(profile)
        ],
    }


def _credit(profile: Profile) -> dict[str, Any] | None:
    standing = profile.standing
    if standing is None:
        return None
    assessment = standing.assessment
    return {
        "score_thousandths": standing.score,
        "grade": standing.grade,
        "label": assessment.label,
        "reason": profile.reason,
        "rule": assessment.rule,
        "rule_title": profile.rule,
        "assessed_on": assessment.on,
        "rank_city": standing.rank_city,
        "ranked_city": standing.ranked_city,
        "rank_district": standing.rank_district,
        "ranked_district": standing.ranked_district,
        "ranked_at": standing.ranked_at,
        "steps": [
            {"id": one.id, "text": one.text, "points_thousandths": one.points, "clause": one.clause}
            for one in profile.steps
        ],
    }


def _counts(grades: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"grade": grade, "pharmacies": count} for grade, count in grades.items()]


def _store(store: Store) -> dict[str, Any]:
    return {
        "code": store.code,
        "name": store.name,
        "district": store.district,
        "district_name": store.district_name,
        "address": store.address,
        "designated_on": store.designated_on,
        "designated_until": store.designated_until,
        "service": store.service,
        "in_force": store.holds,
        "grade": None if store.grade is None else _grade(store.grade),
        "history": [_grade(one) for one in store.history],
    }


def _grade(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): shown[name] for name in GRADE}


def _group(one: Group) -> dict[str, Any]:
    return {
        "type": one.type.key,
        "title": one.type.title,
        "kind": one.type.kind,
        "publicity": one.type.publicity,
        "department": one.type.department,
        "department_name": one.department,
        "total": one.total,
        "results": [_record(record) for record in one.records],
    }


def _record(record: Record) -> dict[str, Any]:
    return {
        "record_no": record.record_no,
        "document_no": record.document_no,
        "decided_on": record.decided_on,
        "valid_from": record.valid_from,
        "valid_until": record.valid_until,
        "fields": [{"key": one.key, "label": one.label, "value": one.value} for one in record.values],
        "objected_on": record.objected_on,
        "objection": record.objection,
    }


def _choices(of: Mapping[Any, str]) -> str:
    return "; ".join(f"{key}: {text}" for key, text in of.items())


_UNTIL: Final = "失效日（当日起不再有效）；null＝未定 Until the day before; null: open"
_SCORE: Final = "千分之一分；null＝不评 In thousandths of a point; null: not rated"
_CODE: Final = "统一社会信用代码 Social credit code"


class EnterpriseMatchSerializer(serializers.Serializer):
    social_credit_code = serializers.CharField(help_text=_CODE)
    name = serializers.CharField(help_text="企业名称 Name of the enterprise")
    district = serializers.IntegerField(
        allow_null=True,
        help_text="药店最多的区县（GB/T 2260）；null＝没有药店 Where most of its pharmacies are; null: it has none",
    )
    district_name = serializers.CharField(help_text="区县 Name of the district")


class EnterpriseMatchesSerializer(serializers.Serializer):
    purpose = serializers.CharField(help_text="用途 What it was asked for")
    more = serializers.BooleanField(help_text="还有更多，请写得更具体 There are more: narrow it down")
    results = EnterpriseMatchSerializer(many=True)


class LookSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="查询记录编号 Number on the record of looks")
    at = serializers.DateTimeField(help_text="时间 When")
    purpose = serializers.CharField(help_text="用途 Purpose")
    case_no = serializers.CharField(help_text="案号或项目号 Number of the case; empty: none")


class CreditStepSerializer(serializers.Serializer):
    id = serializers.CharField(
        help_text="代码；other_records＝其他部门信用信息合计，不细分"
        " other_records: all that follows from records of others that you may not see, in one"
    )
    text = serializers.CharField(help_text="说明 In words")
    points_thousandths = serializers.IntegerField(
        allow_null=True, help_text="千分之一分；null＝不计分 In thousandths; null: no points"
    )
    clause = serializers.CharField(help_text="条款 Clause")


class CreditSerializer(serializers.Serializer):
    score_thousandths = serializers.IntegerField(allow_null=True, help_text=f"企业信用分，{_SCORE}")
    grade = serializers.CharField(help_text="企业信用等级；空＝不评 Grade of the enterprise; empty: none")
    label = serializers.CharField(help_text="等级名称 What the grade is called")
    reason = serializers.CharField(help_text="不评的理由 Why there is no grade")
    rule = serializers.CharField(help_text="评定规则：代码@版本 The rule, key@version")
    rule_title = serializers.CharField(help_text="规则名称 Title of the rule")
    assessed_on = serializers.DateField(help_text="评定日 The day of the figures")
    rank_city = serializers.IntegerField(help_text="全市第几名；0＝不参加排名 1: best; 0: not ranked")
    ranked_city = serializers.IntegerField(help_text="全市参评企业数 Enterprises ranked in the city")
    rank_district = serializers.IntegerField(help_text="区县第几名 In the district")
    ranked_district = serializers.IntegerField(help_text="区县参评企业数 Enterprises ranked in the district")
    ranked_at = serializers.DateTimeField(allow_null=True, help_text="排名时间 When it was ranked")
    steps = CreditStepSerializer(many=True, help_text="怎样得出 How it came about")


class CreditScoreSerializer(serializers.Serializer):
    on = serializers.DateField(help_text="评定日 The day of the figures")
    score_thousandths = serializers.IntegerField(allow_null=True, help_text=_SCORE)
    grade = serializers.CharField(help_text="等级；空＝不评 Empty: none")


class PublishedGradeSerializer(serializers.Serializer):
    seq = serializers.IntegerField(help_text="公布序号 Number in the published ledger")
    event = serializers.ChoiceField(choices=list(EVENTS), help_text=f"事由 Why. {_choices(EVENTS)}")
    period = serializers.CharField(help_text="评价周期 The period rated: 2025, 2025H1, 2025Q3, 2025-07")
    period_end = serializers.DateField(help_text="周期末日 Its last day")
    scheme = serializers.CharField(help_text="评价规则 The scheme, key@version")
    grade = serializers.CharField(help_text="等级；空＝不予评级 Empty: no grade, see `reason`")
    label = serializers.CharField(help_text="等级名称 What the grade is called")
    score_thousandths = serializers.IntegerField(allow_null=True, help_text=_SCORE)
    rank_district = serializers.IntegerField(help_text="区县第几名；0＝不排名 0: not ranked")
    rank_city = serializers.IntegerField(help_text="全市第几名 In the city")
    valid_from = serializers.DateField(help_text="生效日 In force from this day on")
    valid_until = serializers.DateField(allow_null=True, help_text=_UNTIL)
    reason = serializers.CharField(help_text="没有等级的理由 Why there is no grade")
    under_objection = serializers.BooleanField(help_text="有异议正在处理 An objection to it is being heard")


class EnterprisePharmacySerializer(serializers.Serializer):
    code = serializers.CharField(help_text="定点编码 Designated code")
    name = serializers.CharField(help_text="名称 Name")
    district = serializers.IntegerField(help_text="区县代码 District by GB/T 2260")
    district_name = serializers.CharField(help_text="区县 Name of the district")
    address = serializers.CharField(help_text="地址 Address")
    designated_on = serializers.DateField(help_text="定点起始日 Designated from this day on")
    designated_until = serializers.DateField(allow_null=True, help_text=_UNTIL)
    service = serializers.ChoiceField(choices=list(SERVICES), help_text=f"服务状态 {_choices(SERVICES)}")
    in_force = serializers.BooleanField(help_text="等级现行有效 Its grade is in force")
    grade = PublishedGradeSerializer(
        allow_null=True, help_text="最新公布；null＝尚未公布 null: none published"
    )
    history = PublishedGradeSerializer(
        many=True, help_text="最近几次公布，旧的在前 Newest rows, oldest first"
    )


class GradeCountSerializer(serializers.Serializer):
    grade = serializers.CharField(help_text="等级；空＝无等级 Empty: without")
    pharmacies = serializers.IntegerField(help_text="药店数 Pharmacies")


class EnterpriseDistrictSerializer(serializers.Serializer):
    district = serializers.IntegerField(help_text="区县代码 District by GB/T 2260")
    name = serializers.CharField(help_text="区县 Name")
    pharmacies = serializers.IntegerField(help_text="药店数 Pharmacies that are designated")
    grades = GradeCountSerializer(many=True)


class ListedSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["RED_LIST", "BLACK_LIST"], help_text="红名单、黑名单")
    type = serializers.CharField(help_text="信用信息类型 Record type, see `records`")
    title = serializers.CharField(help_text="名称 Name of the list")
    record_no = serializers.CharField(help_text="记录编号 Number of the record, see `records`")


class RecordFieldSerializer(serializers.Serializer):
    key = serializers.CharField(help_text="代码 Key")
    label = serializers.CharField(help_text="名称 Name")
    value = serializers.JSONField(
        help_text="内容：金额以分计，日期如 2026-01-31 Value: amounts in fen (1/100 yuan), dates as 2026-01-31"
    )


class CreditRecordSerializer(serializers.Serializer):
    record_no = serializers.CharField(help_text="记录编号 The supplier's number")
    document_no = serializers.CharField(help_text="文书号；空＝无 Number of the document; empty: none")
    decided_on = serializers.DateField(help_text="认定日期 Decided on")
    valid_from = serializers.DateField(help_text="生效日 Holds from this day on")
    valid_until = serializers.DateField(allow_null=True, help_text=_UNTIL)
    fields = RecordFieldSerializer(many=True, help_text="可查看的内容 What you may see of it")
    objected_on = serializers.DateField(
        allow_null=True,
        help_text="异议标注日；非 null＝异议处理中 An objection is being heard since; null: none",
    )
    objection = serializers.CharField(help_text="异议说明，仅提供部门可见 Its text, for the supplier alone")


class RecordGroupSerializer(serializers.Serializer):
    type = serializers.CharField(help_text="信用信息类型 Record type")
    title = serializers.CharField(help_text="名称 Name")
    kind = serializers.ChoiceField(
        choices=list(RECORD_KINDS), help_text=f"种类 {_choices(RECORD_KINDS)} Kind"
    )
    publicity = serializers.ChoiceField(
        choices=list(PUBLICITIES), help_text=f"公开属性 {_choices(PUBLICITIES)}"
    )
    department = serializers.CharField(help_text="提供部门的代码 Key of the supplier")
    department_name = serializers.CharField(help_text="提供部门 The supplier")
    total = serializers.IntegerField(help_text="现行有效的条数 How many are in force")
    results = CreditRecordSerializer(many=True, help_text="最近的，最多 200 条 The newest, at most 200")


class TimelineEventSerializer(serializers.Serializer):
    on = serializers.DateField(help_text="日期 Day")
    kind = serializers.ChoiceField(
        choices=["enterprise", "stores", "record"],
        help_text="企业等级、药店等级、信用信息 Grade of the enterprise, of pharmacies, a record",
    )
    title = serializers.CharField(help_text="事项 What")
    text = serializers.CharField(help_text="内容 In words")


class EnterpriseSerializer(EnterpriseMatchSerializer):
    as_of = serializers.DateField(help_text="截至日 The day that all this holds for")
    look = LookSerializer(help_text="本次查询 This look, as it is on record")
    credit = CreditSerializer(allow_null=True, help_text="企业信用；null＝尚未评定 null: not assessed yet")
    scores = CreditScoreSerializer(many=True, help_text="历次评定，旧的在前 Assessments, oldest first")
    pharmacies = EnterprisePharmacySerializer(
        many=True, help_text="所属药店，等级差的在前 Its pharmacies, worst first"
    )
    districts = EnterpriseDistrictSerializer(
        many=True, help_text="各区县药店等级 Pharmacies by district and grade"
    )
    lists = ListedSerializer(many=True, help_text="所在的红黑名单 Red and black lists that it stands on")
    records = RecordGroupSerializer(
        many=True, help_text="本部门可查的信用信息 Records that your department may see"
    )
    timeline = TimelineEventSerializer(many=True, help_text="时间线，新的在前 What happened, newest first")

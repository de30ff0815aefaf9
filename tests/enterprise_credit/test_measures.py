"""Cases of joint measures open with their condition and end with it; never two live of a measure and enterprise."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications.enterprise_credit import measures, standings
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.measures import OF_OTHERS, derive_cases, handle
from applications.enterprise_credit.models import CreditRecord, CreditSubject, MeasureCase
from applications.enterprise_credit.rules.catalogue import Catalogue, JointMeasure
from ratings.models import AuditEvent
from ratings.services.errors import Refused
from tests import factories
from tests.bank_loans.building import START, A, B, D, publish, shop
from tests.enterprise_credit import building
from tests.enterprise_credit.checking import TODAY, standing, viewer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def measure(key: str, department: str = "ybj", direction: str = "SANCTION", **when: Any) -> JointMeasure:
    return JointMeasure.model_validate(
        {
            "key": key, "department": department, "direction": direction, "title": f"措施{key}", "when": when,
            "clause": "第一条",
        }
    )  # fmt: skip


D_GRADE = measure("d", grade_in=["D"])
NO_GRADE = measure("unrated", unrated=True)
BLACK = measure("black", records={"kinds": ["BLACK_LIST"]})
TWO = measure("two", "scjgj", records={"types": ["scjgj-penalty"], "within_months": 12}, records_at_least=2)
BOTH = measure("both", direction="INCENTIVE", grade_in=["A"], records={"types": ["scjgj-penalty"]})
STORES = measure("stores", store_grade="D", stores_at_least=1)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the catalogue in force declare other measures, and other publicities of types."""

    def declare(*given: JointMeasure, **publicities: str) -> Catalogue:
        shipped = catalogue_on(TODAY)
        types = tuple(
            one.model_copy(update={"publicity": publicities[name], "viewers": ()})
            if (name := one.key.replace("-", "_")) in publicities
            else one
            for one in shipped.record_types
        )
        found = shipped.model_copy(update={"measures": given, "record_types": types})
        monkeypatch.setattr(measures, "catalogue_on", lambda day: found)
        return found

    return declare


def live(of: CreditSubject) -> list[MeasureCase]:
    return list(MeasureCase.objects.filter(subject=of, ended_at=None).order_by("measure"))


def case_of(of: CreditSubject) -> MeasureCase:
    (found,) = live(of)
    return found


def test_a_case_opens_with_the_grade_and_ends_with_it(declared: Any) -> None:
    declared(D_GRADE, NO_GRADE)
    one = building.subject()
    place = standing(one, "D")
    assert derive_cases([one.uscc], TODAY) == 1
    case = case_of(one)
    assert (case.measure, case.state, case.basis, case.clause) == ("d", "OPEN", "企业信用等级为 D", "第一条")
    assert (case.department.key, case.direction, case.assessment_id) == (
        "ybj",
        "SANCTION",
        place.assessment_id,
    )
    assert derive_cases([one.uscc], TODAY) == 0
    standing(one, "C")
    assert derive_cases(None, TODAY) == 1
    case.refresh_from_db()
    assert case.state == "ENDED"
    assert case.ended_at is not None
    standing(one, "")
    assert derive_cases(None, TODAY) == 1
    assert case_of(one).basis == "企业没有信用等级"
    assert AuditEvent.objects.filter(action="更新联合奖惩").count() == 3


def test_an_enterprise_without_pharmacies_has_no_grade(declared: Any) -> None:
    declared(NO_GRADE)
    one = building.subject(origin="DEPARTMENT", district=None)
    assert derive_cases(None, TODAY) == 1
    assert case_of(one).assessment_id is None


def test_a_list_record_opens_a_case_that_names_it(declared: Any) -> None:
    declared(BLACK)
    one, other = building.subject("甲"), building.subject("乙")
    record = building.record(one, "ybj-black-list", data={"reason": "骗保"})
    assert derive_cases(None, TODAY) == 1
    assert case_of(one).basis == "医疗保障局“医保领域严重失信名单”（2026-01-05 认定）"
    assert live(other) == []
    CreditRecord.objects.filter(pk=record.pk).update(
        voided_at=NOW, ending="WITHDRAWN", void_reason="误报", voided_by="甲"
    )
    assert derive_cases([one.uscc], TODAY) == 1
    assert live(one) == []


@pytest.mark.parametrize(
    ("days", "opened"),
    [((date(2025, 3, 2), date(2026, 1, 5)), 0), ((date(2025, 3, 3), date(2026, 1, 5)), 1)],
)
def test_records_count_as_long_as_the_condition_says(
    declared: Any, days: Sequence[date], opened: int
) -> None:
    declared(TWO)
    one = building.subject()
    for day in days:
        building.record(one, decided_on=day, valid_from=day)
    building.record(one, decided_on=date(2020, 1, 1), valid_from=date(2020, 1, 1))
    assert derive_cases(None, TODAY) == opened
    if opened:
        assert case_of(one).basis.count("认定") == 2


def test_many_records_are_named_by_the_newest_three(declared: Any) -> None:
    declared(TWO)
    one = building.subject()
    for month in range(1, 6):
        building.record(one, decided_on=date(2025, 6 + month, 1), valid_from=date(2025, 6 + month, 1))
    derive_cases(None, TODAY)
    basis = case_of(one).basis
    assert basis.endswith("等 5 条")
    assert "2025-11-01" in basis
    assert "2025-08-01" not in basis


def test_what_the_department_may_not_see_is_not_told(declared: Any) -> None:
    foreign = measure("foreign", "scjgj", records={"kinds": ["BLACK_LIST"]})
    mixed = measure("mixed", "scjgj", grade_in=["D"], records={"kinds": ["BLACK_LIST"]})
    declared(foreign, mixed, ybj_black_list="INTERNAL")
    one = building.subject()
    standing(one, "D")
    building.record(one, "ybj-black-list", data={"reason": "骗保"})
    assert derive_cases(None, TODAY) == 2
    assert [case.basis for case in live(one)] == [OF_OTHERS, f"企业信用等级为 D；{OF_OTHERS}"]


def test_what_may_be_seen_is_told_with_a_hint_of_the_rest(declared: Any) -> None:
    two = measure("two", "scjgj", records={"types": ["scjgj-penalty", "ybj-black-list"]}, records_at_least=2)
    declared(two, ybj_black_list="INTERNAL")
    one = building.subject()
    building.record(one)
    building.record(one, "ybj-black-list", data={"reason": "骗保"})
    derive_cases(None, TODAY)
    basis = case_of(one).basis
    assert "行政处罚" in basis
    assert basis.endswith(OF_OTHERS)
    assert "失信" not in basis


def test_conditions_on_stores_and_grade_and_records_together(declared: Any) -> None:
    declared(BOTH)
    one, other = building.subject("甲"), building.subject("乙")
    standing(one, "A"), standing(other, "B")  # type: ignore[func-returns-value]
    building.record(one), building.record(other)  # type: ignore[func-returns-value]
    assert derive_cases(None, TODAY) == 1
    assert case_of(one).basis.startswith("企业信用等级为 A；")
    assert case_of(one).direction == "INCENTIVE"


def test_conditions_on_pharmacies_hold_as_they_are_published(declared: Any) -> None:
    """Who comes into question is read from the last assessment, whether it holds is counted."""
    at_least = measure("stores", store_grade="D", stores_at_least=1)
    share = measure("share", store_grade="D", share_at_least=50)
    few = measure("few", rated_below=2)
    bad, good = (factories.enterprise(name=name) for name in ("坏连锁", "好连锁"))
    shops = [shop(enterprise=of) for of in (bad, bad, bad, good)]
    publish(dict(zip(shops, (D, B, B, A), strict=True)), at=START)
    today = timezone.localdate()
    standings.refresh(None, today)
    declared(at_least, share)
    assert derive_cases(None, today) == 1
    assert MeasureCase.objects.get().subject_id == bad.uscc
    assert MeasureCase.objects.get().basis == "3 家已评药店中 D 级 1 家"
    declared(few)
    assert derive_cases(None, today) == 2  # one ends, one opens
    assert MeasureCase.objects.get(ended_at=None).subject_id == good.uscc


def test_a_measure_that_the_catalogue_no_longer_has_ends(declared: Any) -> None:
    declared(D_GRADE)
    one = building.subject()
    standing(one, "D")
    derive_cases(None, TODAY)
    declared()
    assert derive_cases(None, TODAY) == 1
    assert live(one) == []


def test_only_the_enterprises_asked_for_are_looked_at(declared: Any) -> None:
    declared(D_GRADE)
    one, other = building.subject("甲"), building.subject("乙")
    for each in (one, other):
        standing(each, "D")
    assert derive_cases([one.uscc], TODAY) == 1
    assert live(other) == []
    derive_cases(None, TODAY)
    for each in (one, other):
        standing(each, "A")
    assert derive_cases([other.uscc], TODAY) == 1
    assert len(live(one)) == 1
    assert derive_cases([], TODAY) == 0


def test_a_handled_case_keeps_what_was_done_and_a_new_one_opens_later(declared: Any) -> None:
    declared(D_GRADE)
    one = building.subject()
    standing(one, "D")
    derive_cases(None, TODAY)
    case = handle(
        viewer(), case_of(one), state="APPLIED", done_on=TODAY, document_no="1号", note="已列入", at=NOW
    )
    assert derive_cases(None, TODAY) == 0
    standing(one, "B")
    derive_cases(None, TODAY)
    case.refresh_from_db()
    assert (case.state, case.note) == ("APPLIED", "已列入")
    assert case.ended_at is not None
    standing(one, "D")
    derive_cases(None, TODAY)
    assert case_of(one).pk != case.pk
    assert case_of(one).state == "OPEN"


def test_deriving_costs_the_same_queries_however_many(declared: Any) -> None:
    declared(D_GRADE, NO_GRADE, BLACK, TWO, BOTH, STORES)
    counted = []
    for many in (1, 3):
        for number in range(many):
            one = building.subject(f"企{many}{number}")
            standing(one, "D")
            building.record(one, "ybj-black-list", data={"reason": "骗保"})
        with CaptureQueriesContext(connection) as captured:
            assert derive_cases(None, TODAY) == 2 * many
        counted.append(len(captured))
    assert counted[0] == counted[1]


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["A", "B", "D", ""]),
        st.booleans(),
        st.sampled_from(["all", "one", "none"]),
        st.booleans(),
    ),
    max_size=10,
)


@given(steps=_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_histories_agree_with_a_naive_model(declared: Any, steps: list[Any]) -> None:
    """Grades and list records come and go; derived now and then, in whole or for one; handled now and then."""
    declared(D_GRADE, NO_GRADE, BLACK)
    subjects = [building.subject(f"历史{n}", uscc=factories.uscc()) for n in range(3)]
    for one in subjects:
        standing(one, "B")
    grades, black = ["B"] * 3, [False] * 3
    alive: dict[tuple[int, str], int] = {}
    opened = ended = 0
    for which, grade, listed, scope, handles in steps:
        one = subjects[which]
        grades[which], black[which] = grade, listed
        standing(one, grade)
        CreditRecord.objects.filter(subject=one, voided_at=None).update(
            voided_at=NOW, ending="WITHDRAWN", void_reason="测试", voided_by="甲"
        )
        if listed:
            building.record(one, "ybj-black-list", data={"reason": "骗保"})
        looked = {"all": range(3), "one": [which], "none": []}[scope]
        codes = None if scope == "all" else [subjects[place].uscc for place in looked]
        if scope == "all":  # the subjects of earlier examples are not looked at
            codes = [each.uscc for each in subjects]
        derive_cases(codes, TODAY)
        for place in looked:
            for key, holds in (
                ("d", grades[place] == "D"), ("unrated", grades[place] == ""), ("black", black[place]),
            ):  # fmt: skip
                if holds and (place, key) not in alive:
                    alive[place, key] = 1
                    opened += 1
                elif not holds and alive.pop((place, key), None):
                    ended += 1
        found = MeasureCase.objects.filter(subject__in=subjects)
        assert {(subjects.index(case.subject), case.measure) for case in found.filter(ended_at=None)} == set(
            alive
        )
        assert found.count() == opened
        assert found.exclude(ended_at=None).count() == ended
        if handles and (case := found.filter(ended_at=None).first()):
            handle(viewer(), case, state="DECLINED", done_on=TODAY, document_no="", note="不宜", at=NOW)


# handling


@pytest.fixture
def case(declared: Any) -> MeasureCase:
    declared(D_GRADE)
    one = building.subject()
    standing(one, "D")
    derive_cases(None, TODAY)
    return case_of(one)


def act(case: MeasureCase, who: str = "ybj", **values: Any) -> MeasureCase:
    done = {
        "state": "APPLIED",
        "done_on": TODAY,
        "document_no": " 1号 ",
        "note": " 已列入 ",
        "at": NOW,
        **values,
    }
    return handle(viewer(who), case, **done)


def test_what_was_done_is_written_and_may_be_corrected(case: MeasureCase) -> None:
    done = act(case)
    assert (done.state, done.done_on, done.document_no, done.note) == ("APPLIED", TODAY, "1号", "已列入")
    assert (done.handled_by, done.handled_at) == ("查询员甲", NOW)
    again = act(case, state="DECLINED", note="登记有误")
    assert again.state == "DECLINED"
    last = AuditEvent.objects.filter(action="办理联合奖惩").order_by("pk").last()
    assert last is not None
    assert last.detail["before"] == {"state": "APPLIED", "document_no": "1号", "note": "已列入"}


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"who": "scjgj"}, "只有措施的实施部门"),
        ({"state": "OPEN"}, "已实施或未实施"),
        ({"state": "ENDED"}, "已实施或未实施"),
        ({"done_on": TODAY + timedelta(days=1)}, "不得晚于今天"),
        ({"note": " "}, "请写明"),
        ({"note": "长" * 1001}, "最多 1000"),
        ({"document_no": "长" * 121}, "最多 120"),
    ],
)
def test_what_cannot_be_is_refused(case: MeasureCase, values: dict[str, Any], match: str) -> None:
    with pytest.raises(Refused, match=match):
        act(case, **values)
    case.refresh_from_db()
    assert case.state == "OPEN"


def test_an_ended_case_is_handled_no_more(case: MeasureCase) -> None:
    standing(case.subject, "A")
    derive_cases(None, TODAY)
    with pytest.raises(Refused, match="条件已消失"):
        act(case)


def test_statistics_count_what_is_overdue(case: MeasureCase) -> None:
    (found,) = measures.statistics(case.opened_at + measures.OVERDUE)
    assert (found.measure, found.open, found.overdue, found.applied) == ("措施d", 1, 0, 0)
    late = case.opened_at + measures.OVERDUE + timedelta(seconds=1)
    assert measures.statistics(late)[0].overdue == 1
    act(case)
    (found,) = measures.statistics(late, building.department("ybj"))
    assert (found.open, found.overdue, found.applied, found.declined, found.ended) == (0, 0, 1, 0, 0)
    assert measures.statistics(timezone.now(), building.department("scjgj")) == []


def test_measures_are_listed_by_department() -> None:
    every = measures.applying(catalogue_on(TODAY))
    assert [one.department for one in every] == sorted(one.department for one in every)
    assert {one.department for one in measures.applying(catalogue_on(TODAY), ["ybj"])} == {"ybj"}

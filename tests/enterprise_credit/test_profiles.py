"""What a profile holds, for whom, and how many queries it takes."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from applications.enterprise_credit.describing import facts, shown_in_words, tables
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.profiles import MOST_RECORDS, Profile, profile
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.timeline import timeline
from applications.enterprise_credit.viewing import Viewer
from ratings.models import Objection, Pharmacy, Rating, RatingPeriod, ServiceStatus
from tests import desk, factories
from tests.bank_loans.building import regrade
from tests.enterprise_credit import building
from tests.enterprise_credit.profiling import NONE, NOW, TODAY, A, B, C, D, assessed, chain
from tests.ratings.services import lives
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db


def seen(uscc: str, by: str = "scjgj", on: date = TODAY, catalogue: Catalogue | None = None) -> Profile:
    found = profile(uscc, Viewer(building.department(by), "甲"), catalogue or catalogue_on(on), on)
    assert found is not None
    return found


def test_unknown_enterprises_have_none() -> None:
    assert (
        profile("91330602MA288UYN8Y", Viewer(building.department(), "甲"), catalogue_on(TODAY), TODAY) is None
    )


def test_an_enterprise_without_anything_is_a_profile_all_the_same() -> None:
    found = seen(building.subject(district=None).uscc)
    assert (found.stores, found.groups, found.standing, found.scores, found.steps) == ((), (), None, (), ())
    assert ("企业信用等级", "尚未评定") in facts(found)
    assert {one.note for one in tables(found) if not one.rows} >= {
        "尚未评定。", "登记中没有该企业的定点零售药店。", "未列入本部门可查的红黑名单。",
        "没有可供本部门查询的有效信用信息。", "没有可显示的事项。",
    }  # fmt: skip
    assert found.shown() == {"assessment": None, "stores": [], "records": {}, "personal": []}


def test_score_grade_rank_and_how_they_came_about() -> None:
    subject, _ = chain(A, B)
    row = assessed(subject, rated=2, stores=2, grades={"A": 1, "B": 1}, weight=2, weighted=183_000)
    found = seen(subject.uscc, "ybj")
    told = dict(facts(found))
    assert told["企业信用分"] == "91.5 分"
    assert told["企业信用等级"] == "A 信用优秀"
    assert told["等级含义"] == str(found.scale[0].meaning)
    assert told["全市排名"] == "第 3 名 / 共 1,200 家"
    assert told["区县排名"] == "第 2 名 / 共 40 家"
    assert told["排名时间"] == "2026年2月11日 10:00"
    assert [step.id for step in found.steps][:2] == ["stores", "penalties"]
    assert found.shown()["assessment"] == row.pk
    assert [one.grade for one in found.scores] == ["A"]


def test_without_a_score_there_is_no_rank_but_a_reason() -> None:
    subject, _ = chain(NONE)
    assessed(subject, rated=0, grades={}, lowest=None, weight=0, weighted=0)
    told = dict(facts(seen(subject.uscc)))
    assert told["企业信用等级"] == "不评等级：没有已评定等级的药店"
    assert "等级含义" not in told
    assert (told["企业信用分"], told["全市排名"]) == ("—", "不参加排名")


def test_stores_come_worst_first_with_what_is_published_of_them() -> None:
    subject, shops = chain(B, D, NONE, C)
    found = seen(subject.uscc)
    assert [store.code for store in found.stores] == [shops[place].code for place in (1, 3, 0, 2)]
    assert dict(found.grades) == {"B": 1, "C": 1, "D": 1, "": 1}
    first = found.stores[0]
    assert first.grade is not None
    assert (first.grade["grade"], first.holds, first.service, len(first.history)) == (
        "D",
        True,
        "IN_SERVICE",
        1,
    )
    assert found.places[0].name == "越城区"
    assert found.places[0].grades == found.grades


def test_grades_run_out_are_objected_to_and_change() -> None:
    subject, (one, other) = chain(A, A)
    life = RatingPeriod.objects.get()
    row = desk.objection(life, Rating.objects.get(pharmacy=one), against="PUBLISHED")
    regrade(life, other, D, at=NOW)
    first, second = sorted(seen(subject.uscc).stores, key=lambda store: store.code)
    assert first.grade is not None
    assert first.grade["under_objection"]
    assert [past["grade"] for past in second.history] == ["A", "D"]
    Objection.objects.filter(pk=row.pk).update(state="WITHDRAWN")
    late = seen(subject.uscc, on=date(2027, 2, 20))
    assert not any(store.holds for store in late.stores)
    assert dict(late.grades) == {"": 2}
    assert any("已失效" in cell for table in tables(late) for row in table.rows for cell in row)


def test_stores_that_are_not_designated_come_last_and_count_nowhere() -> None:
    subject, (gone, stopped, new, good) = chain(D, D, D, A)
    Pharmacy.objects.filter(pk=gone.pk).update(designated_until=TODAY)
    Pharmacy.objects.filter(pk=new.pk).update(designated_on=TODAY + timedelta(days=1))
    ServiceStatus.objects.create(
        pharmacy=stopped, status="SUSPENDED", occurred_on=TODAY, decided_on=TODAY, recorded_at=NOW,
        recorded_by="甲",
    )  # fmt: skip
    found = seen(subject.uscc)
    assert [(store.code, store.service) for store in found.stores] == [
        (stopped.code, "SUSPENDED"), (good.code, "IN_SERVICE"), (gone.code, "ENDED"), (new.code, "NOT_YET"),
    ]  # fmt: skip
    assert dict(found.grades) == {"A": 1, "D": 1}


def test_districts_are_summed_up_where_there_are_several() -> None:
    subject, shops = chain(A, B, D)
    factories.district(330604, "上虞区")
    Pharmacy.objects.filter(pk=shops[2].pk).update(district=330604)
    found = seen(subject.uscc)
    (table,) = [one for one in tables(found) if one.title == "各区县药店等级"]
    assert table.headers == ("区县", "药店", "A", "B", "D")
    assert table.rows == (("越城区", "2", "1", "1", "0"), ("上虞区", "1", "0", "0", "1"))
    assert found.district_name == "越城区"


def test_nothing_unpublished_is_there() -> None:
    subject, shops = chain(A)
    desk.life(lives.run_of(scheme_in_force(), lives.Result(shops[0], grade=D), period="2026H1"), "FINAL")
    found = seen(subject.uscc)
    assert [row["grade"] for row in found.stores[0].history] == ["A"]
    assert found.stores[0].grade is not None
    assert found.stores[0].grade["grade"] == "A"


class TestRecords:
    def test_only_types_and_fields_that_the_viewer_may_see(self) -> None:
        subject = building.subject()
        building.record(subject, data={"content": "警告", "fine_fen": 123_456, "responsible": "张三"})
        building.record(subject, "swj-arrears", data={"amount_fen": 100})
        building.record(subject, "ybj-fund-payment", data={"store_code": "P1", "year": 2025, "amount_fen": 1})
        types = {
            by: [one.type.key for one in seen(subject.uscc, by).groups] for by in ("scjgj", "swj", "ybj")
        }
        assert types == {
            "scjgj": ["scjgj-penalty"],
            "swj": ["scjgj-penalty", "swj-arrears"],
            "ybj": ["ybj-fund-payment", "scjgj-penalty", "swj-arrears"],
        }
        own, other = (seen(subject.uscc, by) for by in ("scjgj", "ybj"))
        assert [value.text for value in own.groups[0].records[0].values] == ["警告", "1,234.56 元", "张三"]
        assert "张三" not in str(other)
        assert own.shown()["personal"] == ["scjgj-penalty"]
        assert other.shown()["personal"] == []

    @pytest.mark.parametrize(
        ("values", "is_shown"),
        [
            ({}, True),
            ({"valid_from": TODAY}, True),
            ({"valid_from": TODAY + timedelta(days=1)}, False),
            ({"valid_until": TODAY + timedelta(days=1)}, True),
            ({"valid_until": TODAY}, False),
            ({"decided_on": date(2023, 2, 12), "valid_from": date(2023, 2, 12)}, True),
            ({"decided_on": date(2023, 2, 11), "valid_from": date(2023, 2, 11)}, False),
            ({"voided_at": desk.NOW, "ending": "WITHDRAWN", "void_reason": "误录", "voided_by": "甲"}, False),
            ({"match": "NAME_DIFFERS", "subject": None}, False),
        ],
    )
    def test_only_records_in_force(self, values: dict[str, Any], is_shown: bool) -> None:
        subject = building.subject()
        building.record(subject, **values)
        assert bool(seen(subject.uscc).groups) is is_shown

    def test_types_without_a_term_are_shown_as_long_as_they_hold(self) -> None:
        subject = building.subject()
        old = date(2000, 1, 1)
        building.record(subject, "ybj-black-list", decided_on=old, valid_from=old, data={"reason": "骗保"})
        ((group, record),) = seen(subject.uscc).lists
        assert (group.department, record.decided_on) == ("医疗保障局", old)

    def test_objections_are_marked_and_their_text_is_the_suppliers(self) -> None:
        subject = building.subject()
        building.record(subject, objected_on=TODAY, objection="金额有误")
        texts = {by: str(tables(seen(subject.uscc, by))) for by in ("scjgj", "swj")}
        assert "异议处理中（2026年2月11日起）金额有误" in texts["scjgj"]
        assert "异议处理中（2026年2月11日起）" in texts["swj"]
        assert "金额有误" not in texts["swj"]

    def test_many_records_are_counted_and_the_newest_shown(self) -> None:
        subject = building.subject()
        batch = building.batch("scjgj-penalty", "scjgj")
        for number in range(MOST_RECORDS + 1):
            building.record(subject, batch=batch, decided_on=TODAY - timedelta(days=number))
        (group,) = seen(subject.uscc).groups
        assert (group.total, len(group.records)) == (MOST_RECORDS + 1, MOST_RECORDS)
        assert group.records[0].decided_on == TODAY
        assert any(
            f"共 {MOST_RECORDS + 1} 条，列出最近 {MOST_RECORDS} 条" in one.note
            for one in tables(seen(subject.uscc))
        )


def test_the_timeline_has_grades_scores_and_records() -> None:
    subject, _ = chain(A, B, B)
    assessed(subject, on=date(2026, 1, 1))
    assessed(subject, on=date(2026, 1, 15), weighted=90_500)
    assessed(subject, on=date(2026, 2, 1), weighted=85_000, grades={"B": 1})
    assessed(subject, on=date(2026, 2, 2), rated=0, grades={}, lowest=None, weight=0, weighted=0)
    building.record(subject, document_no="罚〔2026〕1号", objected_on=TODAY, objection="异议")
    told = [(event.on, event.kind, event.text) for event in timeline(seen(subject.uscc))]
    assert told == [
        (date(2026, 2, 10), "stores", "3 家药店：A 1 家，B 2 家"),
        (date(2026, 2, 2), "enterprise", "由 B 变为 不评等级"),
        (date(2026, 2, 1), "enterprise", "由 A 变为 B（85 分）"),
        (date(2026, 1, 5), "record", "市场监督管理局，罚〔2026〕1号（异议处理中）"),
        (date(2026, 1, 1), "enterprise", "首次评定：A（90 分）"),
    ]


def test_few_stores_are_named_in_the_timeline() -> None:
    subject, shops = chain(A, NONE)
    texts = {event.text.partition("：")[0] for event in timeline(seen(subject.uscc))}
    assert texts == {shop.name for shop in shops}


@pytest.mark.parametrize("stores", [1, 3, 300])
def test_the_number_of_queries_is_constant(stores: int) -> None:
    subject, _ = chain(*(place % 4 for place in range(stores)))
    assessed(subject)
    for _ in range(stores if stores < 300 else 5):
        building.record(subject)
    catalogue, viewer = catalogue_on(TODAY), Viewer(building.department(), "甲")
    with CaptureQueriesContext(connection) as queries:
        found = profile(subject.uscc, viewer, catalogue, TODAY)
        assert found is not None
        tables(found)
    assert len(found.stores) == stores
    # subject, codes, savepoint, stores, its end, histories, rule, rule again, scores, records
    assert len(queries) == 10, [query["sql"][:90] for query in queries]


def test_what_was_shown_is_told_in_words() -> None:
    subject, _ = chain(A, NONE)
    building.record(subject, data={"content": "警告", "responsible": "张三"})
    row = assessed(subject)
    told = list(
        shown_in_words(seen(subject.uscc).shown(), {"scjgj-penalty": "行政处罚"}, {row.pk: "A（90 分）"})
    )
    assert told == [
        f"企业信用等级、信用分和排名：A（90 分）（评定编号 {row.pk}）",
        "2 家药店的登记信息，其中 2 家的公布等级",
        "行政处罚 1 条，含自然人信息",
    ]
    assert list(shown_in_words({"verdict": "PASS", "grade": "A"}, {}, {})) == [
        "名单核查的结论，企业信用等级 A"
    ]
    assert list(shown_in_words({"verdict": "UNKNOWN", "grade": ""}, {}, {})) == ["名单核查的结论"]
    assert list(shown_in_words({}, {}, {})) == []

"""Districts, enterprises and pharmacies: updated in place, the database keeping the versions."""

from datetime import date

import pytest

from creditsys import geo
from ratings.models import District, Enterprise, Pharmacy, PharmacyVersion
from ratings.services.imports import ImportStopped, RowsRefused
from tests import factories

from .conftest import CODES, Way, bring, bring_at_once, check, counts, messages

HEADERS = ["code", "name", "district", "designated_on"]


def shop(code: str, name: str = "药店", district: str = "330602", since: str = "2020-01-01") -> list[str]:
    return [code, name, district, since]


def test_districts(db: None, way: Way) -> None:
    rows = [["code", "name", "cityCode"], ["330602", "越城区", "3306"], ["330603", "柯桥", "3306"]]
    assert counts(way("districts", rows)) == (2, 0, 0, 0)
    rows[2][1] = "柯桥区"
    assert counts(way("districts", rows)) == (0, 1, 1, 0)
    assert District.objects.get(code=330603).name == "柯桥区"


def test_wrong_district_codes(db: None) -> None:
    batch = check(
        "districts", [["code", "name"], ["33060", "甲"], ["990602", "乙"], ["330600", "丙"], ["330602", ""]]
    )
    assert counts(batch) == (0, 0, 0, 4)
    assert [problem["line"] for problem in batch.problems] == [2, 3, 4, 5]
    assert [problem["column"] for problem in batch.problems] == ["code", "code", "code", "name"]


def test_enterprises(db: None, way: Way) -> None:
    good = factories.uscc()
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    rows = [["统一社会信用代码", "企业名称"], [good.lower(), "甲公司"]]
    assert counts(way("enterprises", rows)) == (1, 0, 0, 0)
    assert Enterprise.objects.get().uscc == good
    batch = check("enterprises", [*rows, [wrong, "乙公司"]])
    assert counts(batch) == (0, 0, 1, 1)
    assert "校验位" in batch.problems[0]["message"]


def test_pharmacies_with_everything(db: None, way: Way) -> None:
    factories.district()
    company = factories.enterprise()
    headers = [
        "定点编码",
        "名称",
        "统一社会信用代码",
        "是否连锁",
        "区县",
        "街道",
        "地址",
        "经度",
        "纬度",
        "坐标系",
    ]
    headers += ["定点起始日", "定点终止日", "电话", "前身"]
    rows = [
        headers,
        [CODES[0], "旧店", "", "否", "330602", "", "", "", "", "", "2015年3月1日", "2020-01-01", "", ""],
        [
            *(CODES[1], "新店", company.uscc, "是", "越城区", "府山街道", "解放路1号", "120.582112"),
            *("30.001234", "gcj02", "2020-01-01", "", "0575-1", CODES[0]),
        ],
    ]
    assert counts(way("pharmacies", rows)) == (2, 0, 0, 0)
    new = Pharmacy.objects.get(code=CODES[1])
    assert (new.enterprise, new.is_chain, new.district_id, new.contact) == (company, True, 330602, "0575-1")
    assert new.predecessor == Pharmacy.objects.get(code=CODES[0])
    assert (new.latitude, new.longitude) == pytest.approx(geo.gcj02_to_wgs84(30.001234, 120.582112), abs=1e-7)
    assert new.source_datum == "GCJ-02"
    old = Pharmacy.objects.get(code=CODES[0])
    assert (old.latitude, old.source_datum, str(old.designated_until)) == (None, "", "2020-01-01")
    assert counts(way("pharmacies", rows)) == (0, 0, 2, 0)
    assert PharmacyVersion.objects.count() == 2


def test_a_changed_pharmacy_is_updated_and_versioned(shops: list[Pharmacy], way: Way) -> None:
    factories.district(330603, "柯桥区")
    before = Pharmacy.objects.get(code=CODES[0])
    batch = way("pharmacies", [HEADERS, shop(CODES[0], before.name, "柯桥区", "2015-03-01")])
    assert counts(batch) == (0, 1, 0, 0)
    after = Pharmacy.objects.get(code=CODES[0])
    assert (after.pk, after.district_id) == (before.pk, 330603)
    versions = PharmacyVersion.objects.filter(pharmacy=after).order_by("id")
    assert [(version.district_id, version.voided_at is None) for version in versions] == [
        (330602, False),
        (330603, True),
    ]


def test_columns_that_the_file_lacks_stay_as_they_are(db: None, way: Way) -> None:
    factories.pharmacy(code=CODES[0], contact="0575-1", address="解放路1号", is_chain=True, name="旧名")
    way("pharmacies", [[*HEADERS, "地址"], [*shop(CODES[0], "新名"), ""]])
    found = Pharmacy.objects.get()
    assert (found.name, found.contact, found.address, found.is_chain) == ("新名", "0575-1", "", True)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (["120.58", "30.0", ""], "没有坐标系"),
        (["30.0", "120.58", "GCJ-02"], "不在中国"),
        (["120.58", "", "GCJ-02"], "只填了一个"),
        (["120.58", "30.0", "北京54"], "坐标系"),
        (["东经120", "30.0", "GCJ-02"], "经纬度"),
        (["2.35", "48.85", "WGS-84"], "不在中国"),
    ],
)
def test_places_that_make_no_sense(db: None, values: list[str], word: str) -> None:
    factories.district()
    batch = check("pharmacies", [[*HEADERS, "lng", "lat", "坐标系"], [*shop(CODES[0]), *values]])
    assert counts(batch) == (0, 0, 0, 1)
    assert word in batch.problems[0]["message"]


def test_swapped_coordinates_are_recognised(db: None) -> None:
    factories.district()
    batch = check(
        "pharmacies", [[*HEADERS, "lng", "lat", "坐标系"], [*shop(CODES[0]), "30.0", "120.58", "WGS-84"]]
    )
    assert "写反" in batch.problems[0]["remedy"]


@pytest.mark.parametrize(
    ("headers", "defaults"),
    [
        (["经度（GCJ-02）", "纬度"], {}),
        (["经度", "纬度"], {"datum": "高德"}),
        (["lng", "lat"], {"坐标系": "gcj02"}),
    ],
)
def test_the_datum_from_header_or_default(
    db: None, headers: list[str], defaults: dict[str, str], way: Way
) -> None:
    factories.district()
    way("pharmacies", [[*HEADERS, *headers], [*shop(CODES[0]), "120.58", "30.0"]], defaults=defaults)
    assert Pharmacy.objects.get().source_datum == "GCJ-02"


def test_half_a_place_is_a_missing_column(db: None) -> None:
    factories.district()
    with pytest.raises(ImportStopped, match="纬度"):
        check("pharmacies", [[*HEADERS, "lng"], [*shop(CODES[0]), "120.58"]])


def test_unregistered_and_ambiguous_districts(db: None) -> None:
    factories.district(320106, "鼓楼区")
    factories.district(350102, "鼓楼区")
    batch = check(
        "pharmacies", [HEADERS, shop(CODES[0], district="鼓楼区"), shop(CODES[1], district="越城区")]
    )
    assert "不止一个" in messages(batch)[0]
    assert "没有登记" in messages(batch)[1]


def test_hospital_and_malformed_codes(db: None) -> None:
    factories.district()
    batch = check("pharmacies", [HEADERS, shop("H33060200001"), shop("P330602"), shop("P99060200001")])
    assert counts(batch) == (0, 0, 0, 3)
    assert "医疗机构" in messages(batch)[0]


def test_unregistered_enterprises(db: None) -> None:
    factories.district()
    batch = check("pharmacies", [[*HEADERS, "uscc"], [*shop(CODES[0]), factories.uscc()]])
    assert counts(batch) == (0, 0, 0, 1)
    assert "enterprises" in batch.problems[0]["remedy"]


def test_designation_dates_in_order(db: None) -> None:
    factories.district()
    rows = [[*HEADERS, "定点终止日"], [*shop(CODES[0]), "2020-01-01"], [*shop(CODES[1]), "2020-01-02"]]
    batch = check("pharmacies", rows)
    assert counts(batch) == (1, 0, 0, 1)
    assert batch.problems[0]["line"] == 2


def test_an_end_before_a_kept_or_new_beginning(db: None) -> None:
    factories.pharmacy(code=CODES[0], designated_until=date(2020, 1, 1))
    rows = [HEADERS, shop(CODES[0], since="2019-12-31"), shop(CODES[1])]
    assert counts(check("pharmacies", rows)) == (1, 1, 0, 0)
    batch = check("pharmacies", [HEADERS, shop(CODES[0], since="2020-01-01"), shop(CODES[1])])
    assert counts(batch) == (1, 0, 0, 1)
    (problem,) = batch.problems
    assert (problem["line"], problem["column"], problem["value"]) == (2, "designated_on", "2020-01-01")
    assert "2020-01-01 不晚于" in problem["message"]


def test_a_place_taken_back_without_a_column_for_its_datum(db: None, way: Way) -> None:
    factories.pharmacy(code=CODES[0], latitude=30.0, longitude=120.58, source_datum="GCJ-02")
    way("pharmacies", [[*HEADERS, "lng", "lat"], [*shop(CODES[0]), "", ""]])
    found = Pharmacy.objects.get()
    assert (found.latitude, found.longitude, found.source_datum) == (None, None, "")
    batch = check("pharmacies", [[*HEADERS, "lng", "lat"], [*shop(CODES[0]), "120.58", "30.0"]])
    assert "没有坐标系" in messages(batch)[0]


class TestPredecessors:
    """CODES[n] is designated during 202n."""

    def rows(self, *pairs: tuple[str, str]) -> list[list[str]]:
        return [[*HEADERS, "定点终止日", "predecessor"], *(self.row(*pair) for pair in pairs)]

    def row(self, code: str, before: str, until: str | None = None) -> list[str]:
        year = 2019 + int(code[-1])
        return [*shop(code, since=f"{year}-01-01"), f"{year + 1}-01-01" if until is None else until, before]

    def test_a_line_within_the_file_in_any_order(self, db: None, way: Way) -> None:
        factories.district()
        batch = way("pharmacies", self.rows((CODES[2], CODES[1]), (CODES[1], CODES[0]), (CODES[0], "")))
        assert counts(batch) == (3, 0, 0, 0)
        newest = Pharmacy.objects.get(code=CODES[2])
        assert newest.predecessor and newest.predecessor.predecessor
        assert newest.predecessor.predecessor.code == CODES[0]
        assert PharmacyVersion.objects.count() == 3

    def test_itself(self, db: None) -> None:
        factories.district()
        assert "自己的前身" in messages(check("pharmacies", self.rows((CODES[0], CODES[0]))))[0]

    def test_a_cycle_within_the_file(self, db: None) -> None:
        factories.district()
        batch = check(
            "pharmacies", self.rows((CODES[0], CODES[1]), (CODES[1], CODES[2]), (CODES[2], CODES[0]))
        )
        assert counts(batch) == (0, 0, 0, 3)
        assert "须在本店定点起始日（2020-01-01）或之前" in messages(batch)[0]

    def test_a_cycle_with_the_registry(self, line: list[Pharmacy]) -> None:
        batch = check("pharmacies", self.rows((CODES[0], CODES[1])))
        assert counts(batch) == (0, 0, 0, 1)
        assert "之前终止定点" in messages(batch)[0]

    def test_turning_a_line_round_in_one_file_is_no_cycle(self, line: list[Pharmacy], way: Way) -> None:
        rows = self.rows((CODES[0], CODES[1]), (CODES[1], ""))
        rows[1][3:5] = "2022-01-01", ""
        assert counts(way("pharmacies", rows))[1] == 2
        assert Pharmacy.objects.get(code=CODES[0]).predecessor == line[1]

    def test_one_successor_only(self, line: list[Pharmacy]) -> None:
        batch = check("pharmacies", self.rows((CODES[2], CODES[0])))
        assert counts(batch) == (0, 0, 0, 1)
        assert CODES[1] in messages(batch)[0]
        batch = check("pharmacies", self.rows(("P33060200008", CODES[1]), ("P33060200009", CODES[1])))
        assert counts(batch) == (0, 0, 0, 2)

    def test_handed_from_one_successor_to_another(self, line: list[Pharmacy], way: Way) -> None:
        rows = self.rows((CODES[2], CODES[0]), (CODES[1], ""))
        assert counts(way("pharmacies", rows)) == (1, 1, 0, 0)
        assert counts(way("pharmacies", self.rows((CODES[2], ""), (CODES[1], CODES[0])))) == (0, 2, 0, 0)
        assert counts(way("pharmacies", self.rows((CODES[1], ""), (CODES[2], CODES[0])))) == (0, 2, 0, 0)
        assert Pharmacy.objects.get(code=CODES[2]).predecessor == line[0]

    @pytest.mark.parametrize(("until", "fine"), [("2021-01-01", True), ("2021-01-02", False), ("", False)])
    @pytest.mark.parametrize("registered", [False, True])
    def test_it_has_ended_in_time(self, db: None, until: str, fine: bool, registered: bool) -> None:
        if registered:
            day = date.fromisoformat(until) if until else None
            factories.pharmacy(code=CODES[0], designated_until=day)
        else:
            factories.district()
        rows = [*self.rows((CODES[1], CODES[0])), *([] if registered else [self.row(CODES[0], "", until)])]
        batch = bring_at_once("pharmacies", rows)
        assert (batch.state == "ACCEPTED") is fine
        if not fine:
            problem = batch.problems[0]
            assert (problem["line"], problem["column"], problem["value"]) == (2, "predecessor", CODES[0])
            assert "定点起始日（2021-01-01）或之前" in problem["message"]
            assert "先登记前身的定点终止日" in problem["remedy"]

    def test_it_is_ended_in_the_same_file(self, shops: list[Pharmacy], way: Way) -> None:
        """Also in the file of which columns are missing."""
        rows = self.rows(("P33060200004", CODES[0]), (CODES[0], ""))
        assert counts(way("pharmacies", rows)) == (1, 1, 0, 0)
        running = [[*HEADERS, "定点终止日"], [*shop(CODES[0]), ""]]
        batch = check("pharmacies", running)
        assert counts(batch) == (0, 0, 0, 1)
        assert batch.problems[0]["column"] == "定点终止日"
        assert "P33060200004 的前身" in messages(batch)[0]
        early = [HEADERS, shop("P33060200004", since="2020-12-31")]
        assert "之前终止定点" in messages(check("pharmacies", early))[0]

    def test_rows_that_hang_together_are_refused_together(self, line: list[Pharmacy]) -> None:
        """Whoever relies on a row that is refused goes with it, so the others can be written."""
        rows = [[*row, ""] for row in self.rows((CODES[1], ""), (CODES[2], CODES[0]), (CODES[0], ""))]
        rows[0][-1] = "uscc"
        rows[1][-1] = factories.uscc()
        rows.append([*self.row("P33060200004", ""), ""])
        batch = bring_at_once("pharmacies", rows, skip_refused=True)
        assert counts(batch) == (1, 0, 0, 3)
        assert Pharmacy.objects.get(code=CODES[1]).predecessor == line[0]

    def test_of_another_district(self, shops: list[Pharmacy]) -> None:
        factories.district(330603, "柯桥区")
        elsewhere = "P33060300001"
        before = factories.pharmacy(code=elsewhere, district_id=330603, designated_until=date(2020, 1, 1))
        rows = self.rows((CODES[1], elsewhere))
        batch = check("pharmacies", rows, within=[330602])
        assert counts(batch) == (0, 0, 0, 1)
        assert (batch.problems[0]["column"], batch.problems[0]["value"]) == ("predecessor", elsewhere)
        assert "管辖" in messages(batch)[0]
        assert counts(check("pharmacies", rows, within=[330602, 330603])) == (0, 1, 0, 0)
        # what others have registered may stay
        shops[1].designated_on = date(2020, 1, 1)
        shops[1].predecessor = before
        shops[1].save()
        assert counts(check("pharmacies", rows, within=[330602])) == (0, 1, 0, 0)

    @pytest.fixture
    def line(self, db: None) -> list[Pharmacy]:
        """CODES[1] follows CODES[0]."""
        first = factories.pharmacy(
            code=CODES[0], designated_on=date(2020, 1, 1), designated_until=date(2021, 1, 1)
        )
        second = factories.pharmacy(code=CODES[1], designated_on=date(2021, 1, 1), predecessor=first)
        return [first, second]

    def test_unregistered(self, db: None) -> None:
        factories.district()
        assert "没有登记" in messages(check("pharmacies", self.rows((CODES[0], CODES[1]))))[0]

    def test_whoever_follows_a_refused_row_is_refused(self, db: None) -> None:
        factories.district()
        rows = self.rows((CODES[2], CODES[1]), (CODES[1], CODES[0]), (CODES[0], "P33060299999"))
        batch = check("pharmacies", rows)
        assert counts(batch) == (0, 0, 0, 3)
        rows = self.rows((CODES[2], CODES[1]), (CODES[1], CODES[1]), (CODES[0], ""))
        assert counts(check("pharmacies", rows)) == (1, 0, 0, 2)
        assert counts(bring_at_once("pharmacies", rows, skip_refused=True)) == (1, 0, 0, 2)
        assert Pharmacy.objects.get().code == CODES[0]


def test_duplicates_name_both_lines(db: None) -> None:
    factories.district()
    batch = check("pharmacies", [HEADERS, shop(CODES[0]), shop(CODES[1]), shop(CODES[0])])
    assert counts(batch) == (1, 0, 0, 2)
    assert [(p["line"], "4" in p["message"]) for p in batch.problems] == [(2, True), (4, False)]
    assert "第 2 行" in batch.problems[1]["message"]


def test_a_clerk_of_one_district(shops: list[Pharmacy]) -> None:
    factories.district(330603, "柯桥区")
    elsewhere = factories.pharmacy(code="P33060300001", district_id=330603)
    rows = [HEADERS, shop(CODES[0]), shop("P33060300001"), shop("P33060200009", district="330603")]
    batch = check("pharmacies", rows, within=[330602])
    assert counts(batch) == (0, 1, 0, 2)
    assert [problem["value"] for problem in batch.problems] == [elsewhere.code, "P33060200009"]
    with pytest.raises(ImportStopped, match="全市"):
        check("districts", [["code", "name"], ["330602", "越城"]], within=[330602])


def test_nothing_is_written_when_a_row_is_refused(db: None) -> None:
    factories.district()
    with pytest.raises(RowsRefused):
        bring("pharmacies", [HEADERS, shop(CODES[0]), shop("X")])
    assert not Pharmacy.objects.exists()

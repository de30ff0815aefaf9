"""Products and authorisations: what may be set, what is refused, and that the list follows at once."""

import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from applications.bank_loans import eligibility, services
from applications.bank_loans.authorisation_files import MAX_FILE, read_rows
from applications.bank_loans.models import Authorisation, Change, LoanProduct, Reason, Standing
from applications.bank_loans.services import BadRows, Row
from ratings.models import AuditEvent, Pharmacy
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from tests.bank_loans import building
from tests.bank_loans.building import TODAY, A, B, C
from tests.ratings.services.regrading import at_the_same_moment
from tests.ratings.services.test_runs import scheme_in_force
from tests.ratings.services.uploads import PDF, picture, upload

pytestmark = pytest.mark.django_db

BY = Actor("金融协作员甲", "127.0.0.1")
SINCE = date(2026, 1, 1)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "bank_loans" / "authorisations"


@pytest.fixture
def shops() -> list[Pharmacy]:
    """Grades A, B and C."""
    return building.city(A, B, C)[0]


def create(**values: Any) -> LoanProduct:
    terms: dict[str, Any] = {
        "key": "edai",
        "name": "药店e贷",
        "minimum_grade": "B",
        "credit_line_fen": 1_000_000_000,
        "loan_limit_fen": 300_000_000,
        "valid_from": SINCE,
    }
    if "bank" not in values:
        terms["bank"] = building.bank()
    return services.create_product(by=BY, reason="行局协议", today=TODAY, **{**terms, **values})


def listed(product: LoanProduct) -> set[str]:
    return set(Standing.objects.filter(product=product, reasons=[]).values_list("code", flat=True))


def authorise(product: LoanProduct, shop: Pharmacy, **values: Any) -> Authorisation:
    given = {"document": upload("授权书.pdf"), "valid_from": SINCE, "valid_until": None, **values}
    return services.record_authorisation(product, shop.code, **given, by=BY, today=TODAY)


def test_a_new_product_has_its_list_and_is_on_record(shops: list[Pharmacy]) -> None:
    product = create(authorisation_required=False)
    assert product.reckoned_on == TODAY
    assert listed(product) == {shops[0].code, shops[1].code}
    event = AuditEvent.objects.get(action="新增贷款产品")
    assert (event.actor, event.reason) == (BY.name, "行局协议")
    assert event.detail["terms"]["valid_from"] == "2026-01-01"


def test_only_grades_from_b_upward_are_offered(shops: list[Pharmacy]) -> None:
    assert [step.name for step in services.minimum_grades(TODAY)] == ["A", "B"]
    assert services.minimum_grades(date(1999, 1, 1)) == ()
    for grade in ("C", "D", "AAA", ""):
        with pytest.raises(ValidationError):
            create(minimum_grade=grade)
    assert create(minimum_grade="A", authorisation_required=False).position == 1
    assert not LoanProduct.objects.exclude(minimum_grade="A").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"key": "E Dai"},
        {"name": ""},
        {"loan_limit_fen": 1_000_000_001},
        {"loan_limit_fen": 0},
        {"districts": [330602, 110105]},
        {"valid_until": SINCE},
        {"minimum_periods": 0},
        {"minimum_periods": 21},
    ],
)
def test_what_cannot_be_is_refused(shops: list[Pharmacy], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        create(**values)
    assert not LoanProduct.objects.exists()
    assert not AuditEvent.objects.filter(action="新增贷款产品").exists()


def test_changed_terms_change_the_list_at_once(shops: list[Pharmacy]) -> None:
    product = create(authorisation_required=False)
    changed = services.change_product(
        product, {"minimum_grade": "A", "name": "新名"}, by=BY, reason="收紧", today=TODAY
    )
    assert listed(product) == {shops[0].code}
    change = Change.objects.get(product=product, kind="removed")
    assert (change.code, change.cause, change.reasons) == (shops[1].code, "product", ["below_minimum"])
    assert changed.position == product.position + 1
    event = AuditEvent.objects.get(action="修改贷款产品")
    assert event.detail["before"] == {"name": "药店e贷", "minimum_grade": "B"}
    assert event.detail["after"] == {"name": "新名", "minimum_grade": "A"}
    with pytest.raises(Refused, match="没有任何改动"):
        services.change_product(product, {"minimum_grade": "A"}, by=BY, reason="再改", today=TODAY)
    with pytest.raises(ValueError, match="key"):
        services.change_product(product, {"key": "other"}, by=BY, reason="改名", today=TODAY)


def test_the_sandbox_is_left_alone(shops: list[Pharmacy]) -> None:
    sandbox = create(key="sandbox", is_sandbox=True)
    with pytest.raises(Refused, match="联调"):
        services.change_product(sandbox, {"name": "新"}, by=BY, reason="改", today=TODAY)
    with pytest.raises(Refused, match="联调"):
        authorise(sandbox, shops[0])


def test_an_authorisation_lists_and_its_withdrawal_removes(shops: list[Pharmacy], files: Path) -> None:
    product = create()
    assert listed(product) == set()
    made = authorise(product, shops[0])
    assert listed(product) == {shops[0].code}
    assert services.open_document(made).read() == PDF
    assert made.document_name == "授权书.pdf"
    assert "授权书" not in made.document.name
    ended = services.withdraw_authorisation(made, reason=" 来函撤回 ", by=BY, today=TODAY)
    assert (ended.withdrawn_on, ended.withdrawn_by, ended.withdrawal_reason) == (TODAY, BY.name, "来函撤回")
    assert listed(product) == set()
    moved = Change.objects.filter(product=product).order_by("number").values_list("kind", "cause", "reasons")
    assert list(moved) == [
        ("added", "authorisation", []),
        ("removed", "authorisation", ["not_authorised"]),
    ]
    for action in ("登记药店授权", "撤回药店授权"):
        assert AuditEvent.objects.filter(action=action).count() == 1
    with pytest.raises(Refused, match="已于"):
        services.withdraw_authorisation(made, reason="再撤", by=BY, today=TODAY)


def test_a_withdrawal_needs_a_reason_and_something_to_withdraw(shops: list[Pharmacy]) -> None:
    made = authorise(create(), shops[0], valid_until=TODAY + timedelta(days=1))
    with pytest.raises(Refused, match="原因"):
        services.withdraw_authorisation(made, reason="  ", by=BY, today=TODAY)
    with pytest.raises(Refused, match="到期"):
        services.withdraw_authorisation(made, reason="撤", by=BY, today=TODAY + timedelta(days=1))


def test_one_that_begins_later_lists_nobody_yet(shops: list[Pharmacy]) -> None:
    product = create()
    authorise(product, shops[0], valid_from=TODAY + timedelta(days=1))
    assert listed(product) == set()
    eligibility.bring_up_to_date(product, TODAY + timedelta(days=1))
    product.refresh_from_db()
    assert listed(product) == {shops[0].code}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (upload("授权书.txt", b"no"), "不是 PDF、JPEG 或 PNG"),
        (upload("授权书.png", PDF), "扩展名"),
        (upload("授权书.pdf", b""), "空"),
        (upload("授权书.pdf", PDF + b"PK"), "不完整"),
        (upload("授权书.pdf", PDF + b" " * (1024 * 1024)), "1 MB"),
    ],
)
def test_a_document_is_judged_by_what_is_in_it(
    shops: list[Pharmacy], settings: Any, files: Path, document: Any, told: str
) -> None:
    settings.EVIDENCE_MAX_MB = 1
    with pytest.raises(Refused, match=told):
        authorise(create(), shops[0], document=document)
    assert not Authorisation.objects.exists()
    assert not list(files.rglob("*.*")) if files.exists() else True


def test_pictures_serve_too(shops: list[Pharmacy]) -> None:
    product = create()
    authorise(product, shops[0], document=upload("扫描.png", picture()))
    authorise(product, shops[1], document=upload("照片.jpg", picture("JPEG")))


def test_a_document_that_was_altered_is_not_given_out(shops: list[Pharmacy]) -> None:
    made = authorise(create(), shops[0])
    Path(made.document.path).write_bytes(b"%PDF-other")
    with pytest.raises(Refused, match="指纹不符"):
        services.open_document(made)


@pytest.mark.parametrize(
    ("dates", "refused"),
    [
        ((0, None), True),  # for ever, beside one of ten days
        ((9, 20), True),
        ((10, 20), False),  # begins on the day that the other ends
        ((-5, 0), True),  # ended already
        ((-5, 1), True),
        ((3, 3), True),
    ],
)
def test_authorisations_do_not_overlap(
    shops: list[Pharmacy], dates: tuple[int, int | None], refused: bool
) -> None:
    product = create()
    authorise(product, shops[0], valid_from=TODAY, valid_until=TODAY + timedelta(days=10))
    start, until = dates
    given = {
        "valid_from": TODAY + timedelta(days=start),
        "valid_until": None if until is None else TODAY + timedelta(days=until),
    }
    if refused:
        with pytest.raises(Refused):
            authorise(product, shops[0], **given)
    else:
        authorise(product, shops[0], **given)
    assert Authorisation.objects.count() == (1 if refused else 2)


def test_after_a_withdrawal_a_new_one_may_follow(shops: list[Pharmacy]) -> None:
    product = create()
    services.withdraw_authorisation(authorise(product, shops[0]), reason="撤", by=BY, today=TODAY)
    with pytest.raises(Refused, match="重叠"):
        authorise(product, shops[0])
    authorise(product, shops[0], valid_from=TODAY)
    assert listed(product) == {shops[0].code}


def test_an_unknown_pharmacy_is_refused(shops: list[Pharmacy]) -> None:
    with pytest.raises(Refused, match="没有编码"):
        services.record_authorisation(create(), "P33069900001", upload(), SINCE, None, by=BY, today=TODAY)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one() -> None:
    scheme_in_force()
    shop = building.shop()
    product = create()
    told = at_the_same_moment(*[lambda: authorise(product, shop)] * 2)
    assert sorted(text == "done" for text in told) == [False, True]
    assert Authorisation.objects.count() == 1


def test_a_busy_list_is_told(shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch) -> None:
    product = create()

    def busy(*_: Any, **__: Any) -> None:
        raise eligibility.Busy

    monkeypatch.setattr(eligibility, "reckon", busy)
    monkeypatch.setattr(eligibility, "bring_up_to_date", busy)
    with pytest.raises(Refused, match="正在更新"):
        authorise(product, shops[0])
    with pytest.raises(Refused, match="正在更新"):
        services.change_product(product, {"name": "新"}, by=BY, reason="改", today=TODAY)


# Many at once.


def test_many_are_recorded_with_one_document(shops: list[Pharmacy], django_assert_num_queries: Any) -> None:
    product = create()
    rows = [Row(line, shop.code, SINCE, None) for line, shop in enumerate(shops, 2)]
    many = services.record_authorisations(product, rows, upload(), by=BY, today=TODAY)
    assert many == 3
    assert listed(product) == {shops[0].code, shops[1].code}
    assert Authorisation.objects.values("document").distinct().count() == 1
    event = AuditEvent.objects.get(action="导入药店授权")
    assert event.detail["rows"] == 3


def test_one_wrong_row_keeps_all_out(shops: list[Pharmacy]) -> None:
    product = create()
    authorise(product, shops[2])
    rows = [
        Row(2, shops[0].code, SINCE, None),
        Row(3, "P33069900001", SINCE, None),
        Row(4, shops[1].code, TODAY, TODAY),
        Row(5, shops[0].code, TODAY, None),
        Row(6, shops[2].code, TODAY, None),
    ]
    with pytest.raises(BadRows) as bad:
        services.record_authorisations(product, rows, upload(), by=BY, today=TODAY)
    assert [line for line, _ in bad.value.faults] == [3, 4, 5, 6]
    assert "第 2 行" in bad.value.faults[2][1]
    assert Authorisation.objects.count() == 1
    with pytest.raises(Refused, match="1 至"):
        services.record_authorisations(product, [], upload(), by=BY, today=TODAY)


def table(text: str, encoding: str = "utf-8") -> SimpleUploadedFile:
    return SimpleUploadedFile("名单.csv", text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_lists_are_read_from_csv(encoding: str) -> None:
    rows = read_rows(
        table(
            "序号,失效日,定点编码,起始日\n1,2027/1/1,p33060200001,2026-01-31\n\n2,,P33060200002,2026年2月3日\n",
            encoding,
        )
    )
    assert rows == [
        Row(2, "P33060200001", date(2026, 1, 31), date(2027, 1, 1)),
        Row(4, "P33060200002", date(2026, 2, 3), None),
    ]


def test_lists_are_read_from_workbooks() -> None:
    book, out = Workbook(), io.BytesIO()
    book.active.append(["定点编码", "起始日"])
    book.active.append(["P33060200001", date(2026, 1, 31)])
    book.save(out)
    assert read_rows(SimpleUploadedFile("名单.xlsx", out.getvalue())) == [
        Row(2, "P33060200001", date(2026, 1, 31), None)
    ]


def test_cells_that_cannot_be_read_are_told_row_by_row() -> None:
    with pytest.raises(BadRows) as bad:
        read_rows(
            table(
                "定点编码,起始日,失效日\nP3306,2026-01-01,\nP33060200001,2026-02-30,\nP33060200001,2026-01-01,晚些\n"
            )
        )
    assert [line for line, _ in bad.value.faults] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "没有内容"),
        ("定点编码,起始日,截止日\nP33060200001,2026-01-01,2026-12-31".encode(), "看不出当日是否有效"),
        ("定点编码,起始日\n".encode(), "没有内容"),
        ("编码,起始日\n".encode(), "缺少“定点编码”"),
        (b"\xff\xff\xff", "不是 CSV"),
        (b'"a', "CSV"),
        (b"PK\x03\x04broken", "XLSX"),
        (b"a" * (MAX_FILE + 1), "MB"),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_rows(SimpleUploadedFile("名单.csv", content))


def test_a_list_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("applications.bank_loans.authorisation_files.MAX_ROWS", 2)
    row = "P33060200001,2026-01-01\n"
    assert len(read_rows(table(f"定点编码,起始日\n{row * 2}"))) == 2
    with pytest.raises(Refused, match="分成几个"):
        read_rows(table(f"定点编码,起始日\n{row * 3}"))


# Explained by the tests that make the list.


def test_an_explanation_agrees_with_the_list(shops: list[Pharmacy]) -> None:
    product = create()
    authorise(product, shops[0])
    authorise(product, shops[2])
    standings = {row.code: row for row in Standing.objects.filter(product=product)}
    for shop in shops:
        told = eligibility.explain(product, shop.code, TODAY)
        assert told is not None
        assert (not told.failed) == standings[shop.code].eligible
    b, c = (eligibility.explain(product, shop.code, TODAY) for shop in shops[1:])
    assert b is not None
    assert c is not None
    assert b.failed == (Reason.NOT_AUTHORISED,)
    assert c.failed == (Reason.BELOW_MINIMUM,)
    assert c.facts["authorised"]
    assert eligibility.explain(product, "P33069900001", TODAY) is None


def test_an_explanation_tells_all_that_fails(shops: list[Pharmacy]) -> None:
    product = create(
        districts=[330602], minimum_months=600, minimum_periods=2, valid_until=TODAY, minimum_grade="A"
    )
    told = eligibility.explain(product, shops[2].code, TODAY)
    assert told is not None
    assert told.failed == (
        Reason.PRODUCT_CLOSED,
        Reason.NOT_AUTHORISED,
        Reason.BELOW_MINIMUM,
        Reason.TOO_NEW,
        Reason.TOO_FEW_PERIODS,
    )
    assert Standing.objects.get(product=product, code=shops[2].code).reasons == ["product_closed"]

"""Pages of officials: who sees and does what, that they cost the same whatever they show, and what they say."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from applications.bank_loans import services
from applications.bank_loans.admin import words
from applications.bank_loans.models import Authorisation, Change, FeedbackBatch, LoanProduct, Standing
from applications.roles import BANKING, INSPECTOR
from ratings.models import AuditEvent, Pharmacy, StaffScope
from ratings.services import roles
from ratings.services.audit import Actor
from tests.bank_loans import building
from tests.bank_loans.building import A, C
from tests.bank_loans.reporting import Bank, event
from tests.clients import building as clients
from tests.ratings.services.uploads import PDF, upload

pytestmark = pytest.mark.django_db

BY = Actor("经办甲")
LISTS = [
    f"admin:bank_loans_{model}_changelist"
    for model in ("loanproduct", "authorisation", "standing", "change", "feedbackbatch", "loanevent")
]
OUTCOMES = "admin:bank_loans_feedbackbatch_outcomes"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def shops() -> list[Pharmacy]:
    """An A and a C, their grades in force today."""
    grades = (A, C)
    at = timezone.now() - timedelta(days=30)
    made = [
        building.shop(name=name, recorded_at=at - timedelta(days=3)) for name in ("明州大药房", "越州大药房")
    ]
    building.publish(dict(zip(made, grades, strict=True)), at=at)
    return made


@pytest.fixture
def product(shops: list[Pharmacy]) -> LoanProduct:
    return services.create_product(
        by=BY,
        reason="协议",
        today=timezone.localdate(),
        bank=building.bank(),
        key="edai",
        name="药店e贷",
        minimum_grade="B",
        credit_line_fen=1_000_000_000,
        loan_limit_fen=300_000_000,
        valid_from=timezone.localdate() - timedelta(days=20),
    )


@pytest.fixture
def authorisation(product: LoanProduct, shops: list[Pharmacy]) -> Authorisation:
    return authorise(product, shops[0])


def authorise(product: LoanProduct, shop: Pharmacy) -> Authorisation:
    today = timezone.localdate()
    return services.record_authorisation(
        product, shop.code, upload("授权书.pdf"), today, None, by=BY, today=today
    )


def lend(product: LoanProduct, shop: Pharmacy, number: str = "1") -> FeedbackBatch:
    loan = {"loan_no": f"L{number}", "code": shop.code, "on": timezone.localdate().isoformat()}
    return Bank(clients.client(organisation_=product.bank), product).reports(
        event(f"{number}-1", "granted", 200_000_000, **loan),
        event(f"{number}-2", "drawn", 150_000_000, **loan),
        today=timezone.localdate(),
    )


def staff(name: str, *groups: str, whole_city: bool = True) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    scope = StaffScope.objects.create(user=user, whole_city=whole_city)
    if not whole_city:
        scope.districts.add(330602)
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


@pytest.fixture
def banker() -> Client:
    return staff("banker", BANKING)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"<[^>]+>", "", answer.content.decode())


def pages(product: LoanProduct, authorisation: Authorisation, batch: FeedbackBatch) -> list[str]:
    """Every page that shows something."""
    standing = Standing.objects.get(product=product, code=authorisation.code)
    change = Change.objects.filter(product=product).first()
    assert change is not None
    return [
        *map(reverse, [*LISTS, OUTCOMES]),
        reverse("admin:bank_loans_loanproduct_change", args=(product.pk,)),
        reverse("admin:bank_loans_authorisation_change", args=(authorisation.pk,)),
        reverse("admin:bank_loans_authorisation_document", args=(authorisation.pk,)),
        reverse("admin:bank_loans_standing_change", args=(standing.pk,)),
        reverse("admin:bank_loans_change_change", args=(change.pk,)),
        reverse("admin:bank_loans_feedbackbatch_change", args=(batch.pk,)),
        reverse("admin:bank_loans_feedbackbatch_file", args=("csv",)),
    ]


def acts(product: LoanProduct, authorisation: Authorisation) -> list[str]:
    """Every page that does something."""
    return [
        reverse("admin:bank_loans_loanproduct_add"),
        reverse("admin:bank_loans_loanproduct_terms", args=(product.pk,)),
        reverse("admin:bank_loans_authorisation_add"),
        reverse("admin:bank_loans_authorisation_bring"),
        reverse("admin:bank_loans_authorisation_withdraw", args=(authorisation.pk,)),
    ]


@pytest.mark.parametrize(
    ("role", "sees", "does"),
    [
        (BANKING, True, True),
        (INSPECTOR, True, False),
        (roles.CLERK, False, False),
        (roles.REVIEWER, False, False),
        (roles.APPROVER, False, False),
    ],
)
def test_who_may(
    product: LoanProduct,
    authorisation: Authorisation,
    shops: list[Pharmacy],
    role: str,
    sees: bool,
    does: bool,
) -> None:
    batch = lend(product, shops[0])
    visitor = staff("someone", role)
    for url in pages(product, authorisation, batch):
        assert visitor.get(url).status_code == (200 if sees else 403), url
    for url in acts(product, authorisation):
        for answer in (visitor.get(url), visitor.post(url, {})):
            assert answer.status_code == (200 if does else 403), url
    menu = text(visitor.get(reverse("admin:index")))
    assert ("贷款成效" in menu) is sees


def test_officials_of_a_district_see_nothing(
    product: LoanProduct, authorisation: Authorisation, shops: list[Pharmacy]
) -> None:
    visitor = staff("local", BANKING, INSPECTOR, whole_city=False)
    for url in [*pages(product, authorisation, lend(product, shops[0])), *acts(product, authorisation)]:
        assert visitor.get(url).status_code in {403, 404}, url
    assert "贷款产品" not in text(visitor.get(reverse("admin:index")))


def test_pages_cost_the_same_whatever_they_show(
    product: LoanProduct, authorisation: Authorisation, shops: list[Pharmacy], banker: Client
) -> None:
    batch = lend(product, shops[0])
    urls = pages(product, authorisation, batch)

    def costs() -> dict[str, int]:
        found = {}
        for url in urls:
            with CaptureQueriesContext(
                connection,
            ) as counted:
                assert banker.get(url).status_code == 200
            found[url] = len(counted)
        return found

    costs()
    few = costs()
    for number in range(3):
        shop = building.shop(name=f"新店{number}", recorded_at=timezone.now())
        building.product(f"more-{number}", bank=product.bank)
        authorise(product, shop)
        lend(product, shop, f"n{number}")
    assert costs() == few
    assert max(few.values()) <= 24


def test_a_product_is_made_and_changed(shops: list[Pharmacy], banker: Client) -> None:
    form = {
        "bank": building.bank().pk,
        "key": "edai",
        "name": "药店e贷",
        "minimum_grade": "B",
        "credit_line_fen": "10000000",
        "loan_limit_fen": "3000000.50",
        "minimum_months": "0",
        "minimum_periods": "1",
        "authorisation_required": "0",
        "valid_from": "2026-01-01",
        "reason": "行局协议",
    }
    url = reverse("admin:bank_loans_loanproduct_add")
    assert "请填写理由" in text(banker.post(url, {**form, "reason": ""}))
    assert "信用额度不得高于授信额度" in text(banker.post(url, {**form, "loan_limit_fen": "10000000.01"}))
    assert not LoanProduct.objects.exists()
    assert AuditEvent.objects.filter(action="未获准").count() == 1
    page = text(banker.post(url, form, follow=True))
    made = LoanProduct.objects.get()
    assert (made.credit_line_fen, made.loan_limit_fen) == (1_000_000_000, 300_000_050)
    assert "10,000,000 元（1,000 万元）" in page
    assert "3,000,000.50 元（300.00005 万元）" in page
    assert "名单上有 1 家药店" in page
    assert "等级低于最低等级" in page
    terms = reverse("admin:bank_loans_loanproduct_terms", args=(made.pk,))
    assert 'value="3000000.50"' in banker.get(terms).content.decode()
    changed = {**form, "districts": ["330602"], "loan_limit_fen": "3000000"}
    assert "名单变动 0 处" in text(banker.post(terms, changed, follow=True))
    made.refresh_from_db()
    assert made.districts == [330602]
    assert "没有任何改动" in text(banker.post(terms, changed))
    assert "越城区" in text(banker.get(reverse("admin:bank_loans_loanproduct_change", args=(made.pk,))))


def test_the_sandbox_is_shown_not_changed(shops: list[Pharmacy], banker: Client) -> None:
    sandbox = building.product("sandbox", is_sandbox=True)
    page = text(banker.get(reverse("admin:bank_loans_loanproduct_change", args=(sandbox.pk,))))
    assert "药店是虚构的" in page
    assert "修改产品条件" not in page
    assert banker.get(reverse("admin:bank_loans_loanproduct_terms", args=(sandbox.pk,))).status_code == 403
    offered = banker.get(reverse("admin:bank_loans_authorisation_add")).content.decode()
    assert f'<option value="{sandbox.pk}"' not in offered


def test_an_authorisation_makes_eligible_and_its_withdrawal_ends_that(
    product: LoanProduct, shops: list[Pharmacy], banker: Client
) -> None:
    standing = reverse(
        "admin:bank_loans_standing_change",
        args=(Standing.objects.get(product=product, code=shops[0].code).pk,),
    )
    before = text(banker.get(standing))
    assert "不符合条件。" in before
    assert "由药店签署授权书" in before
    add = reverse("admin:bank_loans_authorisation_add")
    form = {
        "product": product.pk,
        "code": shops[0].code.lower(),
        "valid_from": timezone.localdate().isoformat(),
        "document": upload("授权书.pdf"),
    }
    assert "没有编码" in text(banker.post(add, {**form, "code": "P33069900001", "document": upload()}))
    assert "不是 PDF" in text(banker.post(add, {**form, "document": upload("授权书.pdf", b"no")}))
    page = text(banker.post(add, form, follow=True))
    assert "名单已随之更新" in page
    assert "明州大药房" in page
    assert "符合条件。按" in text(banker.get(standing))
    made = Authorisation.objects.get()
    withdraw = reverse("admin:bank_loans_authorisation_withdraw", args=(made.pk,))
    assert "不能恢复" in text(banker.get(withdraw))
    page = text(banker.post(withdraw, {"reason": "药店来函"}, follow=True))
    assert "已撤回" in page
    assert "药店来函" in page
    assert "不符合条件。" in text(banker.get(standing))
    assert banker.get(withdraw).status_code == 302


def test_a_document_is_given_out_on_record(authorisation: Authorisation, banker: Client) -> None:
    url = reverse("admin:bank_loans_authorisation_document", args=(authorisation.pk,))
    answer = banker.get(url)
    assert b"".join(answer.streaming_content) == PDF
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in answer["Content-Disposition"]
    assert "授权书" in AuditEvent.objects.get(action="查看受保护信息").detail["what"]
    Path(authorisation.document.path).unlink()
    broken = banker.get(url)
    assert broken.status_code == 409
    assert AuditEvent.objects.filter(action="授权书校验失败").count() == 1


def test_many_are_imported_or_every_wrong_row_is_told(
    product: LoanProduct, shops: list[Pharmacy], banker: Client
) -> None:
    url = reverse("admin:bank_loans_authorisation_bring")

    def send(rows: str) -> str:
        files = {"rows": SimpleUploadedFile("名单.csv", rows.encode()), "document": upload("合订本.pdf")}
        return text(banker.post(url, {"product": product.pk, **files}, follow=True))

    today = timezone.localdate()
    wrong = send(f"定点编码,起始日\n{shops[0].code},{today}\nP33069900001,{today}\nP33069900002,{today}\n")
    assert "2 处有误，一行也没有登记" in wrong
    assert "第 3 行：没有编码" in wrong
    assert "第 4 行：没有编码" in wrong
    assert not Authorisation.objects.exists()
    assert "已登记 2 家" in send(f"定点编码,起始日\n{shops[0].code},{today}\n{shops[1].code},{today}\n")
    assert Authorisation.objects.count() == 2


def test_standings_are_found_by_code_and_name(
    product: LoanProduct, shops: list[Pharmacy], banker: Client
) -> None:
    url = reverse("admin:bank_loans_standing_changelist")
    for asked in ("明州", shops[0].code, shops[0].code[:11]):
        page = text(banker.get(url, {"q": asked}))
        assert "明州大药房" in page
    assert "越州大药房" not in text(banker.get(url, {"q": "明州"}))
    assert "越州大药房" in text(banker.get(url, {"reason": "not_authorised", "eligible": "0"}))
    assert "明州大药房" not in text(banker.get(url, {"eligible": "1"}))
    assert "明州大药房" not in text(banker.get(url, {"product": "999"}))
    assert "明州大药房" not in text(banker.get(reverse(LISTS[3])))


def test_lists_say_whose_they_are(product: LoanProduct, banker: Client) -> None:
    other = building.product("another", bank=product.bank, name="另一种贷款")
    for model in ("standing", "change"):
        address = reverse(f"admin:bank_loans_{model}_changelist")
        assert f"当前显示：{product.name}" in text(banker.get(address))
        assert "当前显示：另一种贷款" in text(banker.get(address, {"product": other.pk}))


def test_each_criterion_is_told(product: LoanProduct, shops: list[Pharmacy], banker: Client) -> None:
    standing = Standing.objects.get(product=product, code=shops[1].code)
    page = text(banker.get(reverse("admin:bank_loans_standing_change", args=(standing.pk,))))
    for said in (
        "产品适用期", "药店授权", "定点资格", "区县", "公布的等级", "定点时间", "连续达标期数",
        "没有有效授权", "B 级或更好", "2025年下半年", "等级偏低", "名单所记",
    ):  # fmt: skip
        assert said in page, said


@pytest.mark.parametrize(
    ("asked", "there", "not_there"),
    [("now", 0, 1), ("later", 1, 0), ("withdrawn", None, 0), ("over", None, 0)],
)
def test_authorisations_are_filtered_by_whether_they_hold(
    product: LoanProduct, shops: list[Pharmacy], banker: Client, asked: str, there: int | None, not_there: int
) -> None:
    today = timezone.localdate()
    authorise(product, shops[0])
    services.record_authorisation(
        product, shops[1].code, upload(), today + timedelta(days=9), None, by=BY, today=today
    )
    page = text(banker.get(reverse(LISTS[1]), {"holding": asked}))
    assert there is None or shops[there].code in page
    assert shops[not_there].code not in page


def test_outcomes_are_shown_and_taken_along(
    product: LoanProduct, shops: list[Pharmacy], banker: Client
) -> None:
    nothing = text(banker.get(reverse(OUTCOMES)))
    assert "0 家" in nothing
    lend(product, shops[0])
    lend(product, shops[1], "2")
    page = banker.get(reverse(OUTCOMES))
    shown = text(page)
    for said in ("2 家", "3,000,000 元（300 万元）", "优秀", "不足 30 笔，仅供参考", "越城区"):
        assert said in shown, said
    assert '<svg class="cs-chart" role="img" aria-label="' in page.content.decode()
    assert "截止日期不得早于起始日期" in text(
        banker.get(reverse(OUTCOMES), {"start": "2026-02-02", "until": "2026-02-01"})
    )
    before = {"start": "2020-01-01", "until": "2020-12-31", "product": product.pk}
    assert "2 家" not in text(banker.get(reverse(OUTCOMES), before))
    file = reverse("admin:bank_loans_feedbackbatch_file", args=("xlsx",))
    book = load_workbook(io.BytesIO(banker.get(file).content))
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[0][:5] == ("分组", "项目", "服务药店", "贷款笔数", "授信（元）")
    assert rows[1][:6] == ("合计", "全部", 2, 2, 4_000_000, 3_000_000)
    assert AuditEvent.objects.get(action="导出").detail["products"] == [product.pk]
    assert banker.get(file, {"start": "never"}).status_code == 400
    assert banker.get(reverse("admin:bank_loans_feedbackbatch_file", args=("doc",))).status_code == 400


def test_the_sandbox_is_nobodys_loan(product: LoanProduct, banker: Client) -> None:
    sandbox = building.product("sandbox", bank=product.bank, is_sandbox=True)
    loan = {"loan_no": "L1", "code": "P99000000001", "on": timezone.localdate().isoformat()}
    Bank(clients.client(organisation_=product.bank), sandbox).reports(
        event("1", "granted", 100, **loan), event("2", "drawn", 100, **loan), today=timezone.localdate()
    )
    assert "0 家" in text(banker.get(reverse(OUTCOMES)))
    assert "该选择不在可用的选项中" in text(banker.get(reverse(OUTCOMES), {"product": sandbox.pk}))


def test_events_are_found(product: LoanProduct, shops: list[Pharmacy], banker: Client) -> None:
    batch = lend(product, shops[0])
    lend(product, shops[1], "2")
    url = reverse(LISTS[5])
    for asked in ({"q": "L1"}, {"q": "1-2"}, {"q": "明州"}, {"batch": batch.pk}):
        page = text(banker.get(url, asked))
        assert "明州大药房" in page
        assert "越州大药房" not in page


@pytest.mark.parametrize(
    ("fen", "shown"),
    [(0, "0 万元"), (851_900_000, "851.9 万元"), (1_000_000_000, "1,000 万元"), (1, "0.000001 万元")],
)
def test_amounts_in_wan(fen: int, shown: str) -> None:
    assert words.wan(fen) == shown


class TestHome:
    """The start page: what a banking officer may do, what waits, how the lists stand; nothing for others."""

    def test_of_a_banking_officer(self, product: LoanProduct, authorisation: Authorisation) -> None:
        lend(product, Pharmacy.objects.get(code=authorisation.code))
        shown = text(staff("banker", BANKING).get(reverse("admin:index")))
        for told in (
            "新增贷款产品",
            "登记授权",
            "贷款成效",
            "管辖范围：全市",
            "没有待办事项",
            "名单 1 家",
            "2 行",
        ):
            assert told in shown
        assert "导入文件" not in shown and "在册药店" not in shown

    def test_what_waits(self, product: LoanProduct) -> None:
        today = timezone.localdate()
        for number, days in enumerate((1, 30, 31)):
            building.authorise(product, f"P3306020000{number}", valid_until=today + timedelta(days=days))
        answer = staff("banker", BANKING).get(reverse("admin:index"))
        [entry] = answer.context["work"]
        assert (entry["title"], entry["count"]) == ("授权将在 30 日内到期", "2")

    def test_of_others(self, product: LoanProduct) -> None:
        """In one district nothing; inspectors see it and have nothing to do."""
        assert product.name not in text(staff("one", BANKING, whole_city=False).get(reverse("admin:index")))
        shown = text(staff("two", INSPECTOR).get(reverse("admin:index")))
        assert product.name in shown and "新增贷款产品" not in shown

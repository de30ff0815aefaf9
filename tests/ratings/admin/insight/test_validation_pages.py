"""有效性检验 and 季度统计表: who sees them, of which districts, what they say, and their files."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from ratings.admin.insight.drift_sheets import drift_word
from ratings.admin.insight.validation_sheets import judged
from ratings.insight.evaluation import Question, evaluate
from ratings.insight.validation import Accuracy, Drift, Interval
from ratings.models import AuditEvent, RatingRun, SchemeVersion, StaffScope
from ratings.services.roles import ROLES
from tests import desk, factories
from tests.ratings.admin.conftest import client_of, staff
from tests.ratings.insight.building import KNOWN, Result, complaint, run_of, scheme_in_force, violation

pytestmark = pytest.mark.django_db
VALIDATION, QUARTERLY = reverse("insight:validation"), reverse("insight:quarterly")
PAGES = (VALIDATION, QUARTERLY)


@pytest.fixture
def scheme() -> SchemeVersion:
    return scheme_in_force()


def city(scheme: SchemeVersion, size: int = 48) -> tuple[RatingRun, RatingRun]:
    """Two districts, two periods; the worse the grade, the more have an event."""
    districts = [factories.district(), factories.district(330603, "柯桥区")]
    now, then = [], []
    for number in range(size):
        shop = factories.pharmacy(district=districts[number % 2])
        grade = number // 2 % 4
        lost = {"violations": -8 * grade}
        now.append(
            Result(shop, grade=grade, score=98 - 8 * grade, points=lost, paid=(10**6 * (number + 1), 6))
        )
        then.append(Result(shop, grade=min(3, grade + number % 2), score=90 - grade, paid=(10**6, 6)))
        if number % 8 >= 7 - 2 * grade:
            (violation, complaint)[number % 2](shop)
    return run_of(scheme, *now), run_of(scheme, *then, period="2024H1")


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def rows_of(client: Client, address: str) -> list[list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


# Rights


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_of_the_rating_may_look(scheme: SchemeVersion, role: str, address: str) -> None:
    city(scheme)
    user = User.objects.create_user("staff", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    StaffScope.objects.create(user=user, whole_city=True)
    assert client_of(user).get(address).status_code == 200


@pytest.mark.parametrize("address", PAGES)
def test_without_the_permissions_nobody_may(address: str) -> None:
    user = User.objects.create_user("other", is_staff=True)
    StaffScope.objects.create(user=user, whole_city=True)
    assert client_of(user).get(address).status_code == 403
    assert client_of(user).get(f"{address}?file=all.xlsx").status_code == 403
    assert client_of(User.objects.create_user("nobody")).get(address).status_code == 302
    assert Client().get(address).status_code == 302


@pytest.mark.parametrize(
    ("address", "missing"),
    [(VALIDATION, "view_complaint"), (VALIDATION, "view_violation"), (QUARTERLY, "view_objection")],
)
def test_each_permission_is_needed(address: str, missing: str) -> None:
    user = staff("city", whole_city=True)
    user.user_permissions.remove(*user.user_permissions.filter(codename=missing))
    assert client_of(user).get(address).status_code == 403


# Scope


def test_staff_of_a_district_see_their_own_only(scheme: SchemeVersion, root: Client) -> None:
    city(scheme)
    clerk = client_of(staff("yuecheng", districts=(330602,)))
    everything, own = text_of(root, VALIDATION), text_of(clerk, VALIDATION)
    assert "柯桥区" in everything and "柯桥区" not in own
    assert "48 家" in everything and "参与检验的 24 家" in own
    # Another district cannot be asked for.
    refused = clerk.get(f"{VALIDATION}?district=330603")
    assert refused.status_code == 200 and "参与检验" not in refused.content.decode()
    assert clerk.get(f"{VALIDATION}?district=330603&file=cap.csv").status_code == 400
    # By the district's own eyes the same as by the city's for that district.
    mine = rows_of(clerk, f"{VALIDATION}?file=accuracy.csv")
    assert mine == rows_of(root, f"{VALIDATION}?district=330602&file=accuracy.csv")
    assert mine != rows_of(root, f"{VALIDATION}?file=accuracy.csv")


def test_quarterly_of_a_district(scheme: SchemeVersion) -> None:
    city(scheme)
    clerk = client_of(staff("yuecheng", districts=(330602,)))
    shown = text_of(clerk, f"{QUARTERLY}?quarter=2025Q1&known=now")
    assert "柯桥区" not in shown
    answer = clerk.get(f"{QUARTERLY}?quarter=2025Q1&known=now&file=form.xlsx")
    cells = [cell.value for row in load_workbook(io.BytesIO(answer.content)).worksheets[0] for cell in row]
    assert "越城区" in cells and "柯桥区" not in cells


@pytest.mark.parametrize("address", PAGES)
def test_staff_without_a_scope_see_nothing(scheme: SchemeVersion, address: str) -> None:
    city(scheme)
    stray = client_of(staff("stray", scope=False))
    shown = text_of(stray, address)
    assert "越城区" not in shown and "柯桥区" not in shown


# What is shown


def test_the_page_tells_the_figures_of_the_evaluation(scheme: SchemeVersion, root: Client) -> None:
    run, before = city(scheme)
    found = evaluate(Question(run, 6, before=before, others=[before]), timezone.localdate())
    rows = rows_of(root, f"{VALIDATION}?run={run.pk}&file=accuracy.csv")
    assert rows[1][:4] == ["信用分", "48", str(found.rate.events), f"{found.score.ratio:.3f}"]
    by_grade = rows_of(root, f"{VALIDATION}?run={run.pk}&file=grades.csv")
    assert [(int(row[1]), int(row[2])) for row in by_grade[1:]] == [
        (rate.pharmacies, rate.events) for rate in found.by_grade
    ]
    periods = rows_of(root, f"{VALIDATION}?run={run.pk}&file=periods.csv")
    assert [row[0] for row in periods[1:]] == ["2024年上半年", "2024年下半年"]
    page = text_of(root, f"{VALIDATION}?run={run.pk}")
    assert "有区分能力" in page and "等级越差出事率越高" in page
    assert page.count("<svg") >= 4 and 'role="img"' in page
    assert found.comparison is not None and found.comparison.stability is not None
    stable = found.comparison.stability
    assert f"{100 * stable.unchanged / stable.pharmacies:.1f}% 等级不变" in page


def test_cap_table_ends_where_it_must(scheme: SchemeVersion, root: Client) -> None:
    city(scheme)
    rows = rows_of(root, f"{VALIDATION}?file=cap.csv")
    assert rows[1][:4] == ["0.0", "0", "0.0", "0.0"]
    assert rows[-1][0] == rows[-1][3] == rows[-1][5] == "100.0"
    assert all(float(row[3]) <= float(row[5]) for row in rows[1:])


def test_few_events_say_so(scheme: SchemeVersion, root: Client) -> None:
    shops = [factories.pharmacy() for _ in range(30)]
    run_of(scheme, *(Result(shop, grade=number % 4) for number, shop in enumerate(shops)))
    for shop in shops[:9]:
        violation(shop)
    page = text_of(root, VALIDATION)
    assert "样本太少，不能判断评级准不准" in page
    assert rows_of(root, f"{VALIDATION}?file=accuracy.csv")[1][3:] == ["", "", "", "", "样本太少"]
    assert {row[-1] for row in rows_of(root, f"{VALIDATION}?file=indicators.csv")[1:]} == {"样本太少"}


def test_no_events_at_all(scheme: SchemeVersion, root: Client) -> None:
    run_of(scheme, Result(factories.pharmacy()))
    assert "窗口内没有药店出事" in text_of(root, VALIDATION)


def test_no_runs_at_all(root: Client) -> None:
    assert "还没有完成的评价" in text_of(root, VALIDATION)


def test_other_questions(scheme: SchemeVersion, root: Client) -> None:
    run, before = city(scheme)
    asked = f"{VALIDATION}?run={run.pk}&outcome=COMPLAINT&months=12&dated=occurred_on&before=-"
    page = text_of(root, asked)
    assert "2025年1月1日至2025年12月31日" in page
    assert "查证属实的举报投诉" in page and "不比较" in page
    assert 'id="stability"' not in page
    # Against itself nothing has moved.
    page = text_of(root, f"{VALIDATION}?run={run.pk}&before={run.pk}")
    assert "100.0% 等级不变" in page
    assert text_of(root, f"{VALIDATION}?run={before.pk}")
    for wrong in ("run=0", "outcome=X", "months=5", "before=x", "dated=voided_at"):
        answer = root.get(f"{VALIDATION}?{wrong}")
        assert answer.status_code == 200 and "参与检验" not in answer.content.decode()


def test_a_window_that_is_not_over_says_so(scheme: SchemeVersion, root: Client) -> None:
    shop = factories.pharmacy()
    last = date(timezone.localdate().year, timezone.localdate().month, 1) - timedelta(days=1)
    run = run_of(scheme, Result(shop), period=f"{last:%Y-%m}", cutoff=timezone.now())
    for asked in (f"?run={run.pk}", ""):
        assert "窗口尚未结束" in text_of(root, f"{VALIDATION}{asked}")


def test_published_periods_are_taken_before_others(scheme: SchemeVersion, root: Client) -> None:
    _, before = city(scheme)
    desk.life(before, "PUBLISHED")
    assert f"2024年上半年 全市 {scheme} #{before.pk}，已发布</dd>" in text_of(root, VALIDATION)


def test_an_unreadable_scheme_is_told(scheme: SchemeVersion, root: Client) -> None:
    city(scheme)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        SchemeVersion.objects.update(document=scheme.document + "\n# 改动")
        cursor.execute("SET session_replication_role = DEFAULT")
    assert "可能被改动过" in text_of(root, VALIDATION)


# Files and the record


def test_downloads_are_on_record(scheme: SchemeVersion, root: Client) -> None:
    run, _ = city(scheme)
    for file in ("cap.csv", "grades.xlsx", "all.xlsx"):
        assert root.get(f"{VALIDATION}?run={run.pk}&file={file}").status_code == 200
    for file in ("form.xlsx", "group1.csv", "all.xlsx"):
        assert root.get(f"{QUARTERLY}?quarter=2025Q1&file={file}").status_code == 200
    events = AuditEvent.objects.filter(action="导出")
    assert events.count() == 6
    assert root.get(f"{VALIDATION}?file=none.csv").status_code == 404


def test_looking_writes_nothing_for_those_who_work(scheme: SchemeVersion) -> None:
    city(scheme)
    client = client_of(staff("city", whole_city=True))
    before = AuditEvent.objects.count()
    for address in PAGES:
        text_of(client, address)
    assert AuditEvent.objects.count() == before


def test_quarterly_page(scheme: SchemeVersion, root: Client) -> None:
    city(scheme)
    page = text_of(root, f"{QUARTERLY}?quarter=2025Q1&known=now")
    assert "2025年第一季度统计表" in page and "2025年4月10日前（含当日）" in page
    assert "检查家数" in page and "指标解释" in page
    total = rows_of(root, f"{QUARTERLY}?quarter=2025Q1&known=now&file=group1.csv")[-1]
    assert total == ["合计", "48", "0", "0"]
    # As handed in, nothing of it was known: the facts came in months later.
    found = {
        known: rows_of(root, f"{QUARTERLY}?quarter=2025Q1&known={known}&file=group2.csv")[-1][2]
        for known in ("", "now")
    }
    assert found[""] == "0" and int(found["now"]) > 0
    assert root.get(f"{QUARTERLY}?quarter=1999Q1&file=form.xlsx").status_code == 400


def test_quarterly_of_the_quarter_before_unless_chosen(root: Client) -> None:
    page = text_of(root, QUARTERLY)
    assert "统计表" in page and "上一季度" in page


# Queries


@pytest.mark.parametrize("address", PAGES)
def test_number_of_queries_does_not_grow(scheme: SchemeVersion, root: Client, address: str) -> None:
    counts = []
    for size in (8, 24):
        city(scheme, size) if size == 8 else [
            violation(factories.pharmacy(recorded_at=KNOWN)) for _ in range(size)
        ]
        root.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert root.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 20


# Words


def test_verdicts_in_words() -> None:
    found = {
        "样本太少": Accuracy(100, 9, 0.5, Interval(0.4, 0.6)),
        "有区分能力": Accuracy(100, 10, 0.5, Interval(0.4, 0.6)),
        "看不出区分能力": Accuracy(100, 10, 0.1, Interval(0.0, 0.2)),
        "方向相反": Accuracy(100, 10, -0.5, Interval(-0.6, -0.4)),
        "全部排对": Accuracy(100, 10, 1.0, None),
        "区间无法估计": Accuracy(100, 10, 0.0, None),
    }
    assert {words: judged(one) for words, one in found.items()} == {words: words for words in found}


def test_drift_in_words() -> None:
    assert [
        drift_word(one)
        for one in (
            None,
            Drift(0.3, 0.3, (), ()),
            Drift(0.09, 0.01, (), ()),
            Drift(0.1, 0.01, (), ()),
            Drift(0.25, 0.01, (), ()),
        )
    ] == ["—", "不超出偶然", "稳定", "有变化", "明显变化"]


def test_a_perfect_rating_has_no_interval(scheme: SchemeVersion, root: Client) -> None:
    """All who were rated worst have an event, and nobody else."""
    shops = [factories.pharmacy() for _ in range(30)]
    run_of(
        scheme,
        *(
            Result(shop, grade=3 * (place < 12), score=90 - 30 * (place < 12))
            for place, shop in enumerate(shops)
        ),
    )
    for shop in shops[:12]:
        violation(shop)
    assert "出事那家的可能为 100.0%。" in text_of(root, VALIDATION)
    assert rows_of(root, f"{VALIDATION}?file=accuracy.csv")[1][3:] == ["1.000", "", "", "100.0", "全部排对"]


def test_rates_that_do_not_rise_are_named(scheme: SchemeVersion, root: Client) -> None:
    shops = [factories.pharmacy() for _ in range(400)]
    run_of(scheme, *(Result(shop, grade=place % 2) for place, shop in enumerate(shops)))
    for shop in shops[:80:2]:
        violation(shop)
    page = text_of(root, VALIDATION)
    assert "A 级高于 B 级（区间不重叠，不像偶然）" in page


def test_other_grades_are_not_compared(scheme: SchemeVersion, root: Client) -> None:
    shop = factories.pharmacy()
    other = scheme_in_force("nantong")
    before = run_of(other, Result(shop), period="2024H1")
    run = run_of(scheme, Result(shop))
    page = text_of(root, f"{VALIDATION}?run={run.pk}&before={before.pk}")
    assert 'id="drift"' in page and 'id="stability"' not in page
    assert "两期的规则版本不同" in page

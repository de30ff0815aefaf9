"""A province at work, on top of ``data.py``'s facts: registry, staff, and five rating periods.

All that the desk does goes through the services: three periods are published, the fourth is under
public notice, and a fifth (of a whole year) is under review with half of its work list open. Some
hundred adjustments, objections and repairs lie about, closed and open, and every pharmacy of the
fourth period has its one-time link.
"""

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.utils import timezone

from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import (
    Adjustment,
    AuditEvent,
    District,
    Objection,
    Rating,
    RatingPeriod,
    ReviewItem,
    StaffScope,
    Violation,
)
from ratings.rules.periods import Period, add_months
from ratings.services.adjustments import decide_adjustment, propose_adjustment, propose_correction
from ratings.services.audit import Actor
from ratings.services.facts import record_fact, void_fact
from ratings.services.imports import check_import
from ratings.services.interim import find_interim
from ratings.services.links import issue_links
from ratings.services.objections import decide_objection, propose_outcome, receive_objection
from ratings.services.overtaken import overtaken
from ratings.services.periods import move, open_period
from ratings.services.repairs import accept_repair, apply_repair, decide_repair, propose_repair
from ratings.services.review import confirm_items, confirm_rest, unconfirmed_districts
from ratings.services.roles import APPROVER, CLERK, INSPECTOR, REVIEWER
from ratings.services.runs import start_run
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import SCHEME
from tests.ratings.services.uploads import upload

#: Period, and how many days ago its review began.
_PERIODS = (("2023H1", 520), ("2023H2", 335), ("2024H1", 150), ("2024H2", 4), ("2024", 2))
#: How many of each sort of work there are.
_MANY = 100
_clerk, _reviewer, _approver = Actor("经办甲"), Actor("审核乙"), Actor("审批丙")

_ENTERPRISES = """
INSERT INTO ratings_enterprise (uscc, name, recorded_at)
SELECT '9133' || lpad(i::text, 13, '0') || 'X', '医药连锁' || i || '有限公司', TIMESTAMPTZ '2022-12-31 00:00+08'
FROM generate_series(1, %(size)s / 40) i
"""
# One chain has a tenth of all pharmacies, the others some dozens each.
_CHAINS = """
UPDATE ratings_pharmacy p SET enterprise_id = e.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM ratings_enterprise) e
WHERE e.number = CASE WHEN p.id %% 10 = 0 THEN 1 ELSE 1 + p.id %% (%(size)s / 40) END
"""
# Gathered around the centres of their districts, in a square of some hundred kilometres.
_PLACES = """
UPDATE ratings_pharmacy SET source_datum = 'WGS-84',
    latitude = 28 + district_id / 200 %% 13 * 0.25 + (draw(id, 71, 1000) + draw(id, 72, 1000)) / 8000.0,
    longitude = 118 + district_id / 200 / 13 %% 13 * 0.3 + (draw(id, 73, 1000) + draw(id, 74, 1000)) / 8000.0
WHERE id %% 50 > 0
"""
_MEASURES = """
INSERT INTO ratings_measurevalue (pharmacy_id, key, period, value, recorded_by, recorded_at, void_reason, voided_by)
SELECT id, 'year_end_assessment', '2024', 60 + draw(id, 61, 40), '基准', TIMESTAMPTZ '2025-01-05 00:00+08', '', ''
FROM ratings_pharmacy WHERE designated_on < DATE '2024-12-31'
"""


def build(size: int, folder: str) -> dict[str, Any]:
    """Build everything; files of evidence go into ``folder``. How many of each there are."""
    settings.MEDIA_ROOT = folder
    with connection.cursor() as cursor:
        for statement in (_ENTERPRISES, _CHAINS, _PLACES, _MEASURES):
            cursor.execute(statement, {"size": size})
    _staff()
    _batches()
    used: set[int] = set()
    lives = []
    acts = (_first, _second, _third, _fourth, _fifth)
    for (code, began), act in zip(_PERIODS, acts, strict=True):
        period = Period.parse(code)
        scheme = scheme_in_force(SCHEME, period.last)
        run = start_run(period, scheme, cutoff=_ago(began + 1), by=_reviewer)
        at = _ago(began)
        lives.append(move(open_period(run, by=_reviewer, at=at), "review", by=_reviewer, at=at))
        # Shops that ended since lose their grade, or the notice could not begin.
        for proposal in find_interim(by=_reviewer, at=at):
            decide_adjustment(proposal, approve=True, text="核对属实", by=_approver, at=at)
        act(lives[-1], began, used)
    _since(lives[2], used)
    AuditEvent.objects.bulk_create(
        AuditEvent(actor=f"职员{n % 200}", action="登录", subject=f"user:{n % 200}") for n in range(size)
    )
    refresh_places()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return {
        model._meta.model_name: model._default_manager.count()
        for model in (Adjustment, Objection, ReviewItem)
    }


def _ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def _staff() -> None:
    """Those who measure (see ``pages.py``) and 200 colleagues."""
    districts = list(District.objects.order_by("code"))
    root = User.objects.create_superuser("root")
    people = [(root, None, None)]
    for name, role, district in (
        ("reviewer", REVIEWER, None),
        ("reviewer-district", REVIEWER, districts[0]),
        ("inspector", INSPECTOR, None),
        *((f"职员{n}", CLERK if n % 3 else APPROVER, districts[n % len(districts)]) for n in range(200)),
    ):
        people.append((User.objects.create_user(name, is_staff=True), role, district))
    groups = {group.name: group for group in Group.objects.all()}
    for user, role, district in people:
        if role:
            user.groups.add(groups[role])
        scope = StaffScope.objects.create(user=user, whole_city=district is None)
        if district:
            scope.districts.add(district)


def _batches() -> None:
    """Files that were checked and wait; all their lines are at fault."""
    lines = "\n".join(f"P99999999{n:03d},2024-{n % 12 + 1:02d},{n}.00,3" for n in range(500))
    content = f"定点编码,月份,基金支付,结算人次\n{lines}\n".encode()
    for number in range(30):
        check_import("payments", io.BytesIO(content), f"支付{number}.csv", by=_clerk)


def _cast(life: RatingPeriod, used: set[int], grade: int, violations: bool = True) -> Iterator[Rating]:
    """Ratings of a grade in the period, with a live violation or without, of pharmacies not used before."""
    last = life.run.period_end
    blamed = Violation.objects.filter(
        voided_at=None, decided_on__range=(add_months(last, -24), last), recorded_at__lte=life.run.cutoff
    ).values("pharmacy")
    found = Rating.objects.filter(
        run=life.run,
        grade=grade,
        grade_before_caps=grade,
        pharmacy__predecessor=None,
        pharmacy__designated_until=None,
    )
    found = found.filter(pharmacy__in=blamed) if violations else found.exclude(pharmacy__in=blamed)
    for key, pharmacy in found.order_by("pharmacy_id").values_list("pk", "pharmacy_id"):
        if pharmacy not in used:
            used.add(pharmacy)
            # One by one: each brings its run along, and that holds the peers of all districts.
            yield Rating.objects.select_related("pharmacy", "run__scheme").get(pk=key)


def _violation(rating: Rating) -> Violation:
    return Violation.objects.filter(
        pharmacy=rating.pharmacy_id,
        voided_at=None,
        decided_on__lte=rating.run.period_end,
        recorded_at__lte=rating.run.cutoff,
    ).latest("decided_on")


def _confirm(life: RatingPeriod, began: float, share: int = 1) -> None:
    """Confirm one in ``share`` of the items, and where that is all, the rest by district."""
    at = _ago(began)
    items = list(ReviewItem.objects.filter(period=life, confirmed_at=None).values_list("pk", flat=True))
    confirm_items(items[::share], note="核对无误", by=_reviewer, at=at)
    if share == 1:
        for district in unconfirmed_districts(life):
            confirm_rest(life, district, by=_reviewer, at=at)


def _adjust(life: RatingPeriod, used: set[int], began: float) -> list[Adjustment]:
    return [
        propose_adjustment(
            rating,
            reason_code="not_rectified",
            to_grade=2,
            text="整改到期后复查仍不合要求",
            by=_reviewer,
            at=_ago(began),
        )
        for rating in islice(_cast(life, used, 1), _MANY)
    ]


def _object(rating: Rating, days: float) -> Objection:
    return receive_objection(
        rating,
        ground=Objection.Ground.FACT,
        statement="处理决定所列的三笔结算系系统故障重复上传，请予核实。",
        contact="联系人 0575-00000000",
        channel=Objection.Channel.CLERK,
        facts=[_violation(rating)],
        uploads=[upload()],
        by=_clerk,
        at=_ago(days),
    )


def _correct(rating: Rating, days: float) -> None:
    made = propose_correction(
        rating, text="原处罚已撤销", clause="《行政处罚法》第四十八条", by=_reviewer, at=_ago(days)
    )
    if made:
        decide_adjustment(made, approve=True, text="同意", by=_approver, at=_ago(days))


def _publish(life: RatingPeriod, began: float) -> None:
    """Reckon those again whose facts were voided since the cutoff; finalise and publish."""
    for code in overtaken(life):
        rating = Rating.objects.select_related("run__scheme").get(run=life.run_id, pharmacy__code=code)
        _correct(rating, began - 24)
    life = move(life, "finalise", by=_reviewer, at=_ago(began - 25))
    move(life, "publish", by=_approver, at=_ago(began - 26))


def _first(life: RatingPeriod, began: float, used: set[int]) -> None:
    """Adjustments, half of them approved; published."""
    for number, proposal in enumerate(_adjust(life, used, began)):
        decide_adjustment(proposal, approve=number % 2 == 0, text="已核", by=_approver, at=_ago(began - 1))
    _confirm(life, began - 1)
    _publish(move(life, "give_notice", by=_approver, at=_ago(began - 2)), began)


def _second(life: RatingPeriod, began: float, used: set[int]) -> None:
    """Objections during public notice, half of them upheld; published."""
    _confirm(life, began)
    life = move(life, "give_notice", by=_approver, at=_ago(began - 2))
    for number, rating in enumerate(islice(_cast(life, used, 2), _MANY)):
        row = _object(rating, began - 3)
        outcome, remedy = (("UPHELD", "VOID_FACTS"), ("REJECTED", ""))[number % 2]
        propose_outcome(
            row, outcome=outcome, remedy=remedy, text="已经核查", by=_reviewer, at=_ago(began - 4)
        )
        decide_objection(row, text="同意", by=_approver, at=_ago(began - 5))
    _publish(life, began)


def _third(life: RatingPeriod, began: float, used: set[int]) -> None:
    """Published as computed."""
    _confirm(life, began)
    _publish(move(life, "give_notice", by=_approver, at=_ago(began - 2)), began)


def _fourth(life: RatingPeriod, began: float, used: set[int]) -> None:
    """Under public notice, with open objections and a link for every pharmacy."""
    _confirm(life, began)
    life = move(life, "give_notice", by=_approver, at=timezone.now())
    for number, rating in enumerate(islice(_cast(life, used, 2), _MANY)):
        row = _object(rating, 0)
        if number % 2:
            propose_outcome(row, outcome="REJECTED", text="事实清楚", by=_reviewer)
    list(issue_links(life, None, by=_clerk))


def _fifth(life: RatingPeriod, began: float, used: set[int]) -> None:
    """Under review: half of the work list and some proposals are open."""
    _confirm(life, began, share=2)
    _adjust(life, used, began)


def _since(life: RatingPeriod, used: set[int]) -> None:
    """What happened to the newest published grades since: corrections, repairs, frauds."""
    shops = _cast(life, used, 2)
    for rating in islice(shops, _MANY // 2):
        void_fact(_violation(rating), reason="复议撤销原处罚", by=_clerk)
        _correct(rating, 60)
    for number, rating in enumerate(islice(shops, _MANY)):
        row = apply_repair(
            _violation(rating),
            applied_on=timezone.localdate(_ago(45)),
            commitment="本店承诺守法经营。",
            correction="已退回全部款项。",
            contact="联系人 0575-00000000",
            uploads=[upload()],
            by=_clerk,
            at=_ago(45),
        )
        if number % 4:
            accept_repair(row, accept=True, text="材料齐全", by=_reviewer, at=_ago(44))
        if number % 4 > 1:
            propose_repair(row, grant=True, text="整改到位", by=_reviewer, at=_ago(43))
        if number % 4 > 2:
            decide_repair(row, decision_no=f"修{number}号", text="同意", by=_approver, at=_ago(42))
    for number, rating in enumerate(islice(_cast(life, used, 0, violations=False), _MANY)):
        _fraud(rating, number)
    for number, proposal in enumerate(find_interim(by=_reviewer, at=_ago(20))):
        if number < _MANY:
            decide_adjustment(proposal, approve=True, text="处罚已生效", by=_approver, at=_ago(20))


def _fraud(rating: Rating, number: int) -> None:
    day = timezone.localdate(_ago(22))
    record_fact(
        Violation,
        by=_clerk,
        pharmacy=rating.pharmacy,
        kind="COLLUSIVE_CASH_OUT",
        gravity="SERIOUS",
        track="PENALTY",
        body="医疗保障局",
        document_no=f"医保罚{number}号",
        amount_fen=1_268_000,
        occurred_on=day - timedelta(days=60),
        decided_on=day,
        measures="责令退回",
        personnel_points=12,
    )

"""What stands under a pharmacy's fields: its ratings, facts and registry history."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from ratings.admin import show
from ratings.admin.desk.history import published_history
from ratings.admin.documents import documents_of
from ratings.admin.grades import measure_titles, rating_badge, reason_not_rated, run_scope
from ratings.admin.scope import visible
from ratings.models import (
    Complaint,
    Fact,
    FundPayment,
    IssuedDocument,
    MeasureValue,
    Pharmacy,
    PharmacyVersion,
    PublishedGrade,
    Rating,
    RatingRun,
    ServiceStatus,
    Violation,
)

_LATEST = 12
_MONTHS = 24


def pharmacy_page(request: HttpRequest, pharmacy: Pharmacy) -> list[dict[str, Any]]:
    """The tables, each only for those who may see that sort of record."""
    makers = (
        (Rating, _ratings),
        (PublishedGrade, published_history),
        (Violation, _violations),
        (Complaint, _complaints),
        (ServiceStatus, _statuses),
        (FundPayment, _payments),
        (MeasureValue, _measures),
        (IssuedDocument, documents_of),
    )
    tables = [
        maker(request, pharmacy)
        for model, maker in makers
        if request.user.has_perm(f"ratings.view_{model._meta.model_name}")
    ]
    return [*tables, _versions(pharmacy)]


def ratings_of(request: HttpRequest, pharmacy: Pharmacy, *, latest: int = _LATEST) -> QuerySet[Rating]:
    """Its ratings in finished runs, newest period first. Goes by run, as the index does."""
    runs = list(
        visible(request, RatingRun.objects.filter(state=RatingRun.State.DONE))
        .order_by("-period_end", "-id")
        .values_list("pk", flat=True)[:200]
    )
    return (
        visible(request, Rating.objects.filter(run__in=runs, pharmacy=pharmacy))
        .select_related("run__scheme", "run__district")
        .order_by("-run__period_end", "-run_id")[:latest]
    )


def _ratings(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    rows = [
        (
            show.link(show.change_url(rating), show.period_label(rating.run.period)),
            rating_badge(rating),
            reason_not_rated(rating) or show.points(rating.score),
            rating.rank_district or "—",
            rating.rank_city or "—",
            f"{rating.run.scheme}（{run_scope(rating.run)}）",
        )
        for rating in ratings_of(request, pharmacy)
    ]
    headers = ("评价周期", "等级", "信用分", "区县排名", "全市排名", "评价规则")
    return show.table("评价结果", headers, rows, more=show.list_url(Rating, pharmacy__id__exact=pharmacy.pk))


def _all(model: type, pharmacy: Pharmacy) -> str:
    return show.list_url(model, pharmacy__id__exact=pharmacy.pk, standing="all")


def _facts(model: type[Fact], pharmacy: Pharmacy, order: str, most: int = _LATEST) -> list[Any]:
    return list(model._default_manager.filter(pharmacy=pharmacy, voided_at=None).order_by(order)[:most])


def _violations(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    rows = [
        (
            show.link(show.change_url(fact), fact.document_no),
            fact.get_kind_display(),
            fact.get_gravity_display(),
            fact.get_track_display(),
            show.yuan(fact.amount_fen),
            show.day(fact.decided_on),
        )
        for fact in _facts(Violation, pharmacy, "-decided_on")
    ]
    headers = ("文书号", "类型", "情节", "处理性质", "涉及基金", "决定日期")
    return show.table("违法违规", headers, rows, more=_all(Violation, pharmacy))


def _complaints(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    rows = [
        (
            show.link(show.change_url(fact), fact.reference_no),
            fact.get_topic_display(),
            fact.get_state_display(),
            fact.get_finding_display(),
            show.day(fact.occurred_on),
            show.day(fact.decided_on),
        )
        for fact in _facts(Complaint, pharmacy, "-occurred_on")
    ]
    headers = ("受理编号", "内容", "状态", "查实结论", "收到日期", "结论日期")
    return show.table("举报投诉", headers, rows, more=_all(Complaint, pharmacy))


def _statuses(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    rows = [
        (
            show.link(show.change_url(fact), fact.get_status_display()),
            show.day(fact.occurred_on),
            show.day(fact.decided_on),
            fact.document_no or "—",
        )
        for fact in _facts(ServiceStatus, pharmacy, "-occurred_on")
    ]
    headers = ("服务状态", "起始日", "决定日期", "文书号")
    return show.table("服务状态", headers, rows, more=_all(ServiceStatus, pharmacy))


def _payments(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    rows = [
        (
            show.link(show.change_url(fact), show.month(fact.month)),
            show.yuan(fact.amount_fen),
            show.number(fact.settlements),
        )
        for fact in _facts(FundPayment, pharmacy, "-month", _MONTHS)
    ]
    more = show.list_url(FundPayment, pharmacy__id__exact=pharmacy.pk)
    title = f"月度基金支付（近 {_MONTHS} 个月）"
    return show.table(title, ("月份", "基金支付", "结算人次"), rows, more=more)


def _measures(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    titles = measure_titles()
    rows = [
        (
            show.link(show.change_url(fact), titles.get(fact.key, fact.key)),
            fact.key,
            show.period_label(fact.period),
            show.decimal(fact.value),
        )
        for fact in _facts(MeasureValue, pharmacy, "-period", _MONTHS)
    ]
    headers = ("指标", "指标键", "评价周期", "值")
    return show.table("外部指标值", headers, rows, more=_all(MeasureValue, pharmacy))


def _versions(pharmacy: Pharmacy) -> dict[str, Any]:
    found = PharmacyVersion.objects.filter(pharmacy=pharmacy).select_related("district", "predecessor")
    rows = [
        (
            show.moment(version.recorded_at),
            show.moment(version.voided_at) if version.voided_at else show.badge("good", "现行"),
            version.district.name,
            "连锁" if version.is_chain else "单体",
            show.day(version.designated_on),
            show.day(version.designated_until),
            version.predecessor.code if version.predecessor else "—",
        )
        for version in found.order_by("-recorded_at")[:_LATEST]
    ]
    headers = ("登记时间", "被取代时间", "区县", "经营形式", "定点起始日", "定点终止日", "前身")
    return show.table("登记沿革", headers, rows, note="评价只读取各截止时间当时登记的内容。")

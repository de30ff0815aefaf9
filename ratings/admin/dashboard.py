"""The start page: latest grades in the user's scope, batches that wait, common tasks; what applications add."""

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from ratings.admin import show
from ratings.admin.desk.work import work
from ratings.admin.grades import run_scope
from ratings.admin.home import Home, homes
from ratings.admin.imports import kind_title
from ratings.admin.insight.menu import EVERY, may_see
from ratings.admin.rating_filters import finished_runs, whole_city_first
from ratings.admin.run_figures import distribution
from ratings.admin.scope import districts_of, visible
from ratings.models import District, ImportBatch, Pharmacy, Rating, RatingRun

_PERIODS = 2
_WAITING = 5


def context(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any]:
    """Adds what ``admin/index.html`` draws; each part only for those who may see it."""
    user = request.user
    page["title"] = "工作台"
    applications = homes(request)
    page["scope"] = _scope(request, applications)
    page["tasks"] = _tasks(request) + [task for home in applications for task in home.tasks]
    page["work"] = _work(request, applications)
    page["cards"] = [card for home in applications for card in home.cards]
    page["figures"] = _figures(request)
    if user.has_perm("ratings.view_rating"):
        page["latest"] = _latest(request)
    if user.has_perm("ratings.view_pharmacy"):
        page["pharmacies"] = show.number(visible(request, Pharmacy.objects.all()).count())
    if user.has_perm("ratings.view_importbatch"):
        page["waiting"], page["all_waiting"] = _waiting(request)
    if user.has_perm("ratings.view_ratingrun"):
        page["unfinished"] = [
            {
                "url": show.change_url(run),
                "text": f"{show.period_label(run.period)} {run_scope(run)}",
                "run": run,
            }
            for run in visible(request, RatingRun.objects.exclude(state=RatingRun.State.DONE)).select_related(
                "district"
            )[:_WAITING]
        ]
    return page


def _scope(request: HttpRequest, applications: list[Home]) -> str:
    """Where the user works: for whom in applications, and in which districts of the rating."""
    standings = [f"所属部门：{home.standing}" for home in applications if home.standing]
    districts = districts_of(request.user)
    if districts is None:
        standings.append("管辖范围：全市")
    elif districts:
        names = District.objects.filter(code__in=districts).values_list("name", flat=True)
        standings.append(f"管辖范围：{'、'.join(names)}")
    return "　｜　".join(standings) or "未设管辖范围，也未登记所属部门：请联系系统管理员"


def _work(request: HttpRequest, applications: list[Home]) -> list[dict[str, Any]] | None:
    """What waits for the user in the rating and in applications; None for those without any duty."""
    own = work(request)
    waiting = [home.work for home in applications if home.work is not None]
    if own is None and not waiting:
        return None
    told = [{**asdict(one), "count": show.number(one.count)} for found in waiting for one in found]
    return (own or []) + told


def _latest(request: HttpRequest) -> list[dict[str, Any]]:
    """The newest run of each of the latest periods; those of the whole city first."""
    newest: dict[str, RatingRun] = {}
    for run in whole_city_first(finished_runs(request)):
        newest.setdefault(run.period, run)
    return [
        {
            "title": f"{show.period_label(run.period)}（{run_scope(run)}，{run.scheme}）",
            "distribution": distribution(run, districts_of(request.user)),
            "ratings_url": show.list_url(Rating, run=run.pk),
        }
        for run in list(newest.values())[:_PERIODS]
    ]


def _waiting(request: HttpRequest) -> tuple[list[dict[str, Any]], str]:
    """The newest open batches; the address of all when there are more."""
    batches = visible(request, ImportBatch.objects.filter(state=ImportBatch.State.CHECKED)).defer("problems")
    found = list(batches[: _WAITING + 1])
    shown = [
        {
            "url": show.change_url(batch),
            "name": f"#{batch.pk} {kind_title(batch)}：{batch.file_name}",
            "text": f"新增 {batch.added:,}，更新 {batch.changed:,}，拒收 {batch.refused:,}",
            "when": show.moment(batch.uploaded_at),
        }
        for batch in found[:_WAITING]
    ]
    more = len(found) > _WAITING
    return shown, show.list_url(ImportBatch, state__exact=ImportBatch.State.CHECKED) if more else ""


def _tasks(request: HttpRequest) -> list[tuple[str, str]]:
    wanted = (
        ("导入文件", "ratings_importbatch_upload", "add_importbatch"),
        ("录入违法违规", "ratings_violation_add", "add_violation"),
        ("录入举报投诉", "ratings_complaint_add", "add_complaint"),
        ("开始评价", "ratings_ratingrun_start", "add_ratingrun"),
        ("受理异议", "ratings_objection_receive", "add_objection"),
        ("登记修复申请", "ratings_creditrepair_apply", "add_creditrepair"),
        ("查找药店", "ratings_pharmacy_changelist", "view_pharmacy"),
        ("评价结果", "ratings_rating_changelist", "view_rating"),
    )
    return [
        (title, reverse(f"admin:{name}"))
        for title, name, permission in wanted
        if request.user.has_perm(f"ratings.{permission}")
    ]


def _figures(request: HttpRequest) -> list[tuple[str, str]]:
    """The pages of figures that the user may see, as the menu has them."""
    return [(page.title, reverse(f"insight:{page.name}")) for page in EVERY if may_see(request, page)]

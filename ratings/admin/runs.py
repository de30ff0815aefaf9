"""Rating runs: the list, one run's figures, starting one, watching it, repeating it."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.filters import DistrictFilter, PeriodFilter
from ratings.admin.grades import grade_names, run_scope
from ratings.admin.on_record import note_refusal, refuse
from ratings.admin.run_figures import distribution, peer_tables
from ratings.admin.run_form import GIVEN, RunForm, missing_facts
from ratings.admin.scope import districts_of, sees_whole_city
from ratings.models import Rating, RatingPeriod, RatingRun, SchemeVersion
from ratings.rules import SignalsError
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.runs import replay, simulate
from ratings.services.schemes import parsed
from ratings.tasks import rate_period


@admin.register(RatingRun)
class RatingRunAdmin(ReadOnlyAdmin):
    """Who may see: the view permission; runs of the city and of the own districts, whose
    figures are narrowed to these. Who may start: the add permission; for the whole city only
    those who work for it."""

    list_display = (
        "period_name",
        "number",
        "scope",
        "scheme_name",
        "cutoff_at",
        "state_mark",
        "counts",
        "finished",
    )
    list_select_related = ("scheme", "district")
    list_filter = (PeriodFilter, DistrictFilter, ("state", ChoicesDropdownFilter))
    sortable_by = ()
    search_fields = ("period", "scheme__key", "scheme__title")
    search_help_text = "评价周期（如 2025H1）或规则"
    actions_list = ("start",)
    actions_detail = ("see_ratings", "repeat", "open_period")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "period_name",
                    "scope",
                    "scheme_link",
                    "cutoff_at",
                    "state_mark",
                    "counts",
                    "started",
                    "finished",
                )
            },
        ),
        ("指纹", {"fields": ("scheme_sha256", "inputs_sha256", "outcomes_sha256"), "classes": ("collapse",)}),
    )
    readonly_fields = (
        "period_name",
        "scope",
        "scheme_link",
        "cutoff_at",
        "state_mark",
        "counts",
        "started",
        "finished",
    )
    change_form_after_template = "ratings/admin/run.html"

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("progress/", self.progress_view, "progress"),
            ("<int:run_id>/replay/", require_POST(self.replay_view), "replay"),
        )
        return own + super().get_urls()

    def has_start_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.add_ratingrun") and districts_of(request.user) != frozenset()

    def page_context(self, request: HttpRequest, obj: RatingRun) -> dict[str, Any]:
        districts = districts_of(request.user)
        if obj.state != RatingRun.State.DONE:
            return {"progress_url": _progress_url(obj.period, obj.scheme_id, obj.cutoff, obj.district_id)}
        return {
            "distribution": distribution(obj, districts),
            "tables": peer_tables(obj, districts),
            "ratings_url": show.list_url(Rating, run=obj.pk),
        }

    # starting

    @action(
        description="开始评价",
        url_path="start",
        permissions=["start"],
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
    )
    def start(self, request: HttpRequest) -> HttpResponse:
        """The form; on POST a dry run of it, or the start."""
        form = RunForm(request, request.POST or None)
        trial: dict[str, Any] | None = None
        if request.method == "POST" and form.is_valid():
            if "start" in request.POST:
                return self._start(request, form.cleaned_data)
            trial = self._try(request, form)
        return self.page(request, "ratings/admin/start.html", "开始评价", form=form, trial=trial, given=GIVEN)

    def _try(self, request: HttpRequest, form: RunForm) -> dict[str, Any] | None:
        wanted = form.cleaned_data
        rules = parsed(wanted["scheme"])
        try:
            signals, outcomes = simulate(
                wanted["period"], rules, cutoff=wanted["cutoff"], district=wanted["district"]
            )
        except (Refused, SignalsError) as refused:
            form.add_error(None, str(refused))
            note_refusal(request, refused)
            return None
        names = grade_names(wanted["scheme"])
        found = [
            (show.grade_badge(place, names), int((outcomes.grade == place).sum()))
            for place in range(len(names))
        ]
        found.append((show.grade_badge(-1, names), int((outcomes.grade < 0).sum())))
        return {
            "pharmacies": len(signals),
            "missing": missing_facts(signals),
            "grades": found,
            "violations": len(signals.violations.owner),
            "complaints": len(signals.complaints.owner),
            "cutoff": wanted["cutoff"].isoformat(timespec="microseconds"),
            "cutoff_shown": show.moment(wanted["cutoff"]),
            "done": RatingRun.objects.filter(**_identity(wanted), state=RatingRun.State.DONE).first(),
        }

    def _start(self, request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
        """Hands the run to a worker; without a broker it is reckoned here and now."""
        actor = Actor.of(request)
        district = wanted["district"].pk if wanted["district"] else None
        try:
            rate_period.delay(
                wanted["period"].code,
                wanted["scheme"].pk,
                wanted["cutoff"].isoformat(),
                district,
                actor.name,
                actor.address,
            )
        except (Refused, SignalsError) as refused:
            refuse(request, refused)
            return HttpResponseRedirect(request.path)
        except OperationalError:
            messages.error(request, "任务队列连接不上，评价没有开始。请联系系统管理员检查 Redis。")
            return HttpResponseRedirect(request.path)
        return HttpResponseRedirect(
            _progress_url(wanted["period"].code, wanted["scheme"].pk, wanted["cutoff"], district)
        )

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        """How far a run is; the page asks again by itself. Goes to the run once it is done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET
        try:
            cutoff = datetime.fromisoformat(wanted.get("cutoff", ""))
            scheme = int(wanted.get("scheme", ""))
            district = int(wanted["district"]) if wanted.get("district") else None
        except ValueError as error:
            raise Http404("地址不完整。") from error
        run = (
            self.get_queryset(request)
            .filter(period=wanted.get("period", ""), scheme=scheme, cutoff=cutoff, district=district)
            .first()
        )
        if run is not None and run.state == RatingRun.State.DONE:
            messages.success(request, "评价已完成。需要审核、公示的，由审核员在本页右上角建立评价周期。")
            return HttpResponseRedirect(show.change_url(run))
        return self.page(
            request,
            "ratings/admin/progress.html",
            "评价进度",
            run=run,
            failed=run is not None and run.state == RatingRun.State.FAILED,
            period=show.period_label(wanted.get("period", "")),
            start_url=reverse("admin:ratings_ratingrun_start"),
        )

    # one run

    @action(description="查看评价结果", url_path="ratings", permissions=["view"], icon="grade")
    def see_ratings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.visible_or_404(request, object_id)
        return HttpResponseRedirect(show.list_url(Rating, run=run.pk))

    @action(description="重算核对", url_path="repeat", permissions=["view"], icon="replay")
    def repeat(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what repeating means and asks to confirm; :meth:`replay_view` does it."""
        run = self._repeatable(request, object_id)
        return self.page(
            request,
            "ratings/admin/replay.html",
            f"重算核对 {run}",
            run=run,
            result=None,
            back=show.change_url(run),
        )

    def has_open_period_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("ratings.review_ratingperiod")

    @action(description="建立评价周期", url_path="open", permissions=["open_period"], icon="event_available")
    def open_period(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Goes where the procedure for this run begins, or to where it is."""
        run = self.visible_or_404(request, object_id)
        period = RatingPeriod.objects.filter(run=run).first()
        if period is not None:
            return HttpResponseRedirect(show.change_url(period))
        return HttpResponseRedirect(reverse("admin:ratings_ratingperiod_open", args=(run.pk,)))

    def replay_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Reckons the run again from the facts, compares, and puts that on record."""
        run = self._repeatable(request, run_id)
        try:
            result = replay(run)
        except (Refused, SignalsError) as refused:
            refuse(request, refused)
            return HttpResponseRedirect(show.change_url(run))
        record("重算核对", run, by=Actor.of(request), same=result.same)
        differences = show.table(
            "不一致之处（最多列 20 条）", ("定点编码", "列", "已存的值", "重算的值"), result.differences
        )
        return self.page(
            request,
            "ratings/admin/replay.html",
            f"重算核对 {run}",
            run=run,
            result=result,
            tables=[differences] if result.differences else [],
            back=show.change_url(run),
        )

    def _repeatable(self, request: HttpRequest, run_id: object) -> RatingRun:
        """A run that the user may see whole: differences may name any of its pharmacies."""
        run: RatingRun = self.visible_or_404(request, run_id)
        if run.district_id is None and not sees_whole_city(request):
            raise PermissionDenied("全市的评价批次由市级人员重算核对。")
        return run

    # columns

    @display(description="评价周期")
    def period_name(self, row: RatingRun) -> str:
        return show.period_label(row.period)

    @display(description="批次号")
    def number(self, row: RatingRun) -> str:
        return f"#{row.pk}"

    @display(description="范围")
    def scope(self, row: RatingRun) -> str:
        return run_scope(row)

    @display(description="评价规则")
    def scheme_name(self, row: RatingRun) -> str:
        return str(row.scheme)

    @display(description="评价规则")
    def scheme_link(self, row: RatingRun) -> SafeString:
        return show.link(show.row_url(SchemeVersion, row.scheme_id), row.scheme)

    @display(description="数据截止时间")
    def cutoff_at(self, row: RatingRun) -> str:
        return show.moment(row.cutoff)

    @display(description="状态")
    def state_mark(self, row: RatingRun) -> SafeString:
        kind = {RatingRun.State.DONE: "good", RatingRun.State.FAILED: "bad"}.get(row.state, "warn")  # type: ignore[call-overload]
        text = row.get_state_display()
        return show.badge(kind, f"{text}：{row.stage}" if row.stage else text)

    @display(description="等级分布")
    def counts(self, row: RatingRun) -> str:
        """As kept with the run; a list shows them to those who may see all of the run."""
        if row.state != RatingRun.State.DONE:
            return "—"
        shown = "　".join(f"{name} {count:,}" for name, count in row.grade_counts.items())
        return f"{shown}　不予评级 {row.pharmacies - row.rated:,}"

    @display(description="发起")
    def started(self, row: RatingRun) -> str:
        return f"{row.started_by}，{show.moment(row.started_at)}"

    @display(description="完成时间")
    def finished(self, row: RatingRun) -> str:
        return show.moment(row.finished_at)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Totals of the whole city are for those who work for it."""
        return tuple(name for name in self.list_display if name != "counts" or sees_whole_city(request))

    def get_fieldsets(self, request: HttpRequest, obj: RatingRun | None = None) -> Any:
        if sees_whole_city(request) or (obj is not None and obj.district_id is not None):
            return self.fieldsets
        fields = tuple(name for name in self.fieldsets[0][1]["fields"] if name != "counts")
        return ((None, {"fields": fields}), self.fieldsets[1])


def _identity(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "period": wanted["period"].code,
        "scheme": wanted["scheme"],
        "cutoff": wanted["cutoff"],
        "district": wanted["district"],
    }


def _progress_url(period: str, scheme: int, cutoff: datetime, district: int | None) -> str:
    query = {"period": period, "scheme": scheme, "cutoff": cutoff.isoformat(), "district": district or ""}
    return f"{reverse('admin:ratings_ratingrun_progress')}?{urlencode(query)}"

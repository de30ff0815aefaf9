"""The documents of a rating period: which can be issued from its page, by whom, and the pages that issue them."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.safestring import SafeString

from ratings.admin import show
from ratings.admin.asking import choice
from ratings.admin.base import ScopedAdmin
from ratings.admin.desk.forms import form_of
from ratings.admin.issuing import issue_page, may_issue
from ratings.admin.scope import districts_of, sees_whole_city, visible
from ratings.models import District, IssuedDocument, LetterBatch, RatingPeriod
from ratings.reports import period_figures
from ratings.reports.notice_list import issue_notice_list, refusal
from ratings.reports.period_report import issue_period_report
from ratings.services.audit import Actor
from ratings.services.letters import TELLING
from ratings.services.review import progress

_KIND = {
    "COMPUTED": "plain",
    "UNDER_REVIEW": "warn",
    "PUBLIC_NOTICE": "warn",
    "FINAL": "good",
    "PUBLISHED": "good",
    "CLOSED": "plain",
    "ABANDONED": "bad",
}
#: Of a report: all that the period rated.
_ALL: Final = "all"


def state_badge(period: RatingPeriod) -> SafeString:
    """The period's state in a frame."""
    return show.badge(_KIND[period.state], period.get_state_display())


class PeriodDocuments(ScopedAdmin):
    """The part of the periods' pages that issues documents. Who may: see each page."""

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("<int:pk>/report/", self.report_view, "report"),
            ("<int:pk>/list/", self.list_view, "list"),
            ("<int:pk>/list/<int:code>/", self.list_view, "list_district"),
        )
        return own + super().get_urls()

    def offered(self, request: HttpRequest, period: RatingPeriod) -> dict[str, Any]:
        """What ``desk/period.html`` offers to issue: of each kind of document, whether of a district, and of all."""
        whole = period.district_id is not None or sees_whole_city(request)
        lists = may_issue(request) and not refusal(period, timezone.localdate())
        writes = period.state in TELLING and request.user.has_perm("ratings.add_letterbatch")
        return {
            "lists": lists,
            "lists_whole": lists and whole,
            "writes": writes,
            "writes_all": writes and whole,
            "batches_url": show.list_url(LetterBatch, period__id__exact=period.pk),
            "reports": may_issue(request) and not period_figures.refusal(period),
        }

    def report_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Issue the report on a published period. Who may: those who issue documents, of their districts;
        of all that a period of the whole city rated only those who work for it."""
        period: RatingPeriod = self.visible_or_404(request, pk)
        scopes = self._scopes(request, period)

        def issue(values: dict[str, Any], by: Actor, site: str) -> IssuedDocument:
            scope = values["scope"]
            district = None if scope == _ALL else District.objects.get(pk=scope)
            return issue_period_report(period, district, by=by, site=site)

        return issue_page(
            request,
            self,
            "签发评价周期报告",
            issue,
            back=show.change_url(period),
            summary=[
                ("评价周期", show.period_label(period.period)),
                ("范围", period.scope),
                ("状态", state_badge(period)),
            ],
            note="按签发时所知统计：等级分布、与上期比较、扣分原因、限制、调整、异议、修复、投诉和支付，"
            "并列出等级最差和下降两级以上的药店。签发为 PDF，登记编号，可扫码核验，不能更改。",
            form=form_of(scope=choice("报告范围", choices=scopes)),
            refusal=period_figures.refusal(period),
        )

    def _scopes(self, request: HttpRequest, period: RatingPeriod) -> list[tuple[str, str]]:
        """Of where the user may have figures of the period."""
        own = districts_of(request.user)
        whole = [(_ALL, period.scope)] if period.district_id or own is None else []
        if period.district_id:
            return whole
        rated = [row.district for row in progress(period)]
        return whole + [(str(one.pk), one.name) for one in rated if own is None or one.pk in own]

    def list_view(self, request: HttpRequest, pk: int, code: int | None = None) -> HttpResponse:
        """Issue the list of grades of one district, or of all. Who may: those who issue documents, in
        that district; of a period of the whole city, all of it only those who work for it."""
        period: RatingPeriod = self.visible_or_404(request, pk)
        district = get_object_or_404(visible(request, District.objects.all()), pk=code) if code else None
        if district is None and period.district_id is None and not sees_whole_city(request):
            raise PermissionDenied("全市的名单由市级人员签发；可以签发所管区县的名单。")
        return issue_page(
            request,
            self,
            "签发名单",
            lambda values, by, site: issue_notice_list(period, district, by=by, site=site),
            back=show.change_url(period),
            summary=[
                ("评价周期", show.period_label(period.period)),
                ("范围", district.name if district else period.scope),
                ("状态", state_badge(period)),
            ],
            note="公示期内为预评名单，发布以后为公布名单：只列名称、编码、等级和不予评级的原因，各区县各自新页起。"
            "签发为 PDF，登记编号，可扫码核验，不能更改。",
            refusal=refusal(period, timezone.localdate()),
        )

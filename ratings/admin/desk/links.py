"""One-time links that tell pharmacies their preliminary result: one, or a district's as a file."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.acts import refusal_texts
from ratings.admin.desk.review import period_text
from ratings.admin.desk.standings import rating_in_full
from ratings.admin.exports import harmless
from ratings.admin.filters import DistrictFilter
from ratings.admin.scope import visible
from ratings.admin.search import SearchedByPharmacy
from ratings.models import District, NoticeLink, Rating, RatingPeriod
from ratings.services import links
from ratings.services.audit import Actor
from ratings.services.errors import Refused

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
#: Rows of a file that are sent together.
_TOGETHER = 500


class LinkPeriodFilter(DropdownFilter):
    """By period, unless asked otherwise the newest with public notice: links are read run by run."""

    title = "评价周期"
    parameter_name = "period"
    all_option = None

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        rows = visible(request, RatingPeriod.objects.exclude(noticed_at=None)).select_related("district")
        self.periods = {str(period.pk): period for period in rows.order_by("-noticed_at")[:50]}
        super().__init__(request, params, model, model_admin)

    def value(self) -> str:
        return super().value() or next(iter(self.periods), "")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, period_text(period)) for key, period in self.periods.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        period = self.periods.get(self.value())
        return queryset.filter(rating__run=period.run_id) if period else queryset.none()


@admin.register(NoticeLink)
class NoticeLinkAdmin(SearchedByPharmacy, ReadOnlyAdmin):
    """Who may see which links were issued: the view permission, of the own districts; who may issue:
    the add permission. The list is for inspection, outside the menu; a link itself is kept nowhere."""

    list_display = ("number", "shop", "issued", "expires", "opened", "standing")
    list_select_related = ("rating__pharmacy",)
    list_filter = (LinkPeriodFilter, DistrictFilter)
    search_fields = ("rating__pharmacy__code",)
    pharmacy_path = "rating__pharmacy"
    # as ratings are kept, so that a page is read along their index
    ordering = ("rating__pharmacy_id", "-id")
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("issue/<int:rating_id>/", self.issue_view, "issue"),
            ("district/<int:period_id>/<int:code>/", self.district_view, "district"),
        )
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("rating__trace")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """When a link was issued and opened."""
        row: NoticeLink = self.visible_or_404(request, object_id)
        shop = row.rating.pharmacy
        return self.page(
            request,
            "ratings/admin/desk/facts_page.html",
            f"告知链接 #{row.pk}",
            facts=[
                ("药店", show.link(show.change_url(row.rating), f"{shop.name}（{shop.code}）")),
                ("签发", self.issued(row)),
                ("失效时间", self.expires(row)),
                ("打开", f"{self.opened(row)}　{row.opened_from or ''}"),
                ("状态", self.standing(row)),
            ],
        )

    @display(description="编号")
    def number(self, row: NoticeLink) -> str:
        return f"#{row.pk}"

    @display(description="药店")
    def shop(self, row: NoticeLink) -> SafeString:
        return show.two_lines(row.rating.pharmacy.name, row.rating.pharmacy.code)

    @display(description="签发")
    def issued(self, row: NoticeLink) -> str:
        return f"{row.issued_by}，{show.moment(row.issued_at)}"

    @display(description="失效时间")
    def expires(self, row: NoticeLink) -> str:
        return show.moment(row.expires_at)

    @display(description="打开")
    def opened(self, row: NoticeLink) -> str:
        return show.moment(row.opened_at)

    @display(description="状态")
    def standing(self, row: NoticeLink) -> SafeString:
        if row.revoked_at is not None:
            return show.badge("plain", "已被取代")
        if row.expires_at <= timezone.now():
            return show.badge("plain", "已过期")
        return show.badge("good", "已打开") if row.opened_at else show.badge("warn", "未打开")

    def _check(self, request: HttpRequest) -> None:
        if not request.user.has_perm("ratings.add_noticelink"):
            raise PermissionDenied("告知链接由经办员或审核员签发。")

    def issue_view(self, request: HttpRequest, rating_id: int) -> HttpResponse:
        """One link, shown once: only its fingerprint is kept."""
        self._check(request)
        if not visible(request, Rating.objects.filter(pk=rating_id)).exists():
            raise Http404("没有这条评价结果，或者它不在您的管辖范围内。")
        rating = rating_in_full(rating_id)
        address, faults = "", []
        if request.method == "POST":
            try:
                token = links.issue_link(rating, by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                address = request.build_absolute_uri(reverse("public:link", args=(token,)))
        last = NoticeLink.objects.filter(rating=rating, revoked_at=None).first()
        answer = self.page(
            request,
            "ratings/admin/desk/link.html",
            f"签发告知链接：{rating.pharmacy.name}",
            address=address,
            faults=faults,
            last=last if not address else None,
            issued=f"{last.issued_by}，{show.moment(last.issued_at)}" if last else "",
            expires=show.moment(last.expires_at) if last else "",
            opened=show.moment(last.opened_at) if last and last.opened_at else "",
            summary=[
                ("药店", f"{rating.pharmacy.name}（{rating.pharmacy.code}）"),
                ("评价周期", show.period_label(rating.run.period)),
                ("联系电话", rating.pharmacy.contact or "—"),
            ],
            back=show.change_url(rating),
        )
        answer["Cache-Control"] = "no-store"
        return answer

    def district_view(self, request: HttpRequest, period_id: int, code: int) -> HttpResponseBase:
        """Links for all pharmacies of a district: asks (GET), then hands out the file (POST)."""
        self._check(request)
        period = get_object_or_404(
            visible(request, RatingPeriod.objects.select_related("district")), pk=period_id
        )
        district = get_object_or_404(visible(request, District.objects.all()), pk=code)
        live = NoticeLink.objects.filter(
            rating__run=period.run_id, rating__district=district, revoked_at=None
        )
        known, faults = live.count(), list[str]()
        if request.method == "POST" and request.POST.get("known") != str(known):
            # The file leaves the page as it was: pressed once more, the links just sent would be dead.
            faults = [
                f"打开本页以后已有链接签发，现有效 {known:,} 个；再次签发会使它们全部失效。确要重新签发的，请再按一次。"
            ]
        elif request.method == "POST":
            try:
                issued = links.issue_links(period, district, by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                return _file(request, issued, f"告知链接-{period.period}-{district.name}.csv")
        opened = live.filter(opened_at__isnull=False).count()
        return self.page(
            request,
            "ratings/admin/desk/confirm.html",
            f"{district.name}：签发告知链接",
            note="为该区县每家参评药店各签发一个一次性链接，导出为 CSV，由您发给药店。链接只在文件里出现这一次，"
            "系统只保存指纹；重新签发以后，以前的链接全部失效。",
            summary=[
                ("评价周期", show.period_label(period.period)),
                ("区县", district.name),
                ("公示期", f"{show.day(period.notice_from)}至{show.day(period.notice_until)}"),
                ("现有效的链接", f"{known:,} 个，其中已打开 {opened:,} 个"),
            ],
            faults=faults,
            known=str(known),
            button="重新签发并导出" if known else "签发并导出",
            back=show.change_url(period),
        )


def _file(request: HttpRequest, issued: Iterable[links.IssuedLink], name: str) -> StreamingHttpResponse:
    """The links as CSV; they are stored before the first line is sent."""
    answer = StreamingHttpResponse(_lines(request, issued), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["Cache-Control"] = "no-store"
    return answer


def _lines(request: HttpRequest, issued: Iterable[links.IssuedLink]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    out.write(_BOM)
    writer.writerow(("定点编码", "药店", "告知链接"))
    for number, link in enumerate(issued, 1):
        writer.writerow((link.code, harmless(link.name), request.build_absolute_uri(link.path)))
        if number % _TOGETHER == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()

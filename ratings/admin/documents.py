"""The register of issued documents: what was issued, when, by whom; each can be downloaded again."""

import re
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.asking import line
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.history import published_badge, scheme_names
from ratings.admin.filters import DistrictFilter, PeriodFilter
from ratings.admin.issuing import check_may_issue, issue_page, may_issue
from ratings.admin.on_record import refuse
from ratings.admin.scope import visible
from ratings.admin.search import SearchedByPharmacy
from ratings.models import IssuedDocument, Pharmacy, PublishedGrade
from ratings.published import read_code
from ratings.reports.certificate import certificate, issue_certificate
from ratings.reports.credit_report import issue_report
from ratings.reports.credit_report_reading import PURPOSE_LENGTH, RECIPIENT_LENGTH
from ratings.reports.letter import WITH_LINK
from ratings.services import documents
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.redress import grade_in_force

_LATEST: Final = 12
#: So many of the newest documents say which periods can be chosen.
_RECENT: Final = 1_000
_NUMBER: Final = re.compile(r"(?:\d{4}-)?0*(\d{1,15})")
_CLOSED: Final = "附告知链接的告知书只由可以签发告知链接的人员下载。"


class DocumentPeriodFilter(PeriodFilter):
    """By period, of the documents issued lately: tables have quarters that nothing was rated for."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = visible(request, IssuedDocument.objects.exclude(period="")).order_by("-number")
        codes = sorted(set(rows.values_list("period", flat=True)[:_RECENT]), reverse=True)
        return [(code, show.period_label(code)) for code in codes]


@admin.register(IssuedDocument)
class IssuedDocumentAdmin(SearchedByPharmacy, ReadOnlyAdmin):
    """Who may see and download: the view permission, documents of the own districts; those of the whole
    city for those who work for it. Nothing is changed or deleted here; what issues stands elsewhere."""

    list_display = ("shown_number", "what", "shop", "place", "period_name", "when", "signature")
    list_display_links = ("shown_number", "what")
    list_select_related = ("pharmacy", "district")
    list_filter = (("kind", ChoicesDropdownFilter), DistrictFilter, DocumentPeriodFilter)
    search_fields = ("number",)
    search_help_text = "编号、验证码、药店编码或名称"
    linked_by = ("pharmacy__id__exact",)
    ordering = ("-number",)
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("<int:number>/file/", self.file_view, "file"),
            ("report/<int:pharmacy_id>/", self.report_view, "report"),
            ("certificate/<int:pharmacy_id>/", self.certificate_view, "certificate"),
        )
        return own + super().get_urls()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """What looks like a number or a code is looked up as such, anything else as a pharmacy's."""
        term = search_term.strip().upper()
        if number := _NUMBER.fullmatch(term):
            return queryset.filter(number=int(number[1])), False
        if code := read_code(term):
            return queryset.filter(code=code), False
        return super().get_search_results(request, queryset, search_term)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What a document is, what it states and whether that still holds, its fingerprint, where it is verified."""
        row: IssuedDocument = self.visible_or_404(request, object_id)
        address = documents.address(row.code, request.build_absolute_uri("/"))
        return self.page(
            request,
            "ratings/admin/desk/file_page.html",
            f"{row.get_kind_display()} {row.shown_number}",
            facts=[
                ("标题", row.title),
                *([("药店", _shop_link(row.pharmacy))] if row.pharmacy else []),
                ("区县", self.place(row)),
                ("评价周期", self.period_name(row)),
                *([("所述等级", _stated(row.seq))] if row.seq else []),
                *([("用途", row.purpose)] if row.purpose else []),
                ("签发", self.issued(row)),
                ("电子签名", self.signature(row)),
                ("验证码", documents.grouped(row.code)),
                ("核验地址", address),
                ("大小", f"{(row.size + 1023) // 1024:,} KB"),
                ("SHA-256", row.sha256),
            ],
            url=reverse("admin:ratings_issueddocument_file", args=(row.pk,))
            if _may_read(request, row)
            else "",
            closed=_CLOSED,
        )

    def file_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """The document as it was issued; on record."""
        row: IssuedDocument = self.visible_or_404(request, number)
        if not _may_read(request, row):
            raise PermissionDenied(_CLOSED)
        try:
            content = documents.content(row)
        except Refused as refused:
            refuse(request, refused)
            return HttpResponseRedirect(show.change_url(row))
        record("下载文书", row, by=Actor.of(request), sha256=row.sha256)
        answer = HttpResponse(content, content_type="application/pdf")
        name = f"{row.get_kind_display()}-{row.shown_number}.pdf"
        answer["Content-Disposition"] = content_disposition_header(True, name)
        answer["Cache-Control"] = "no-store"
        return answer

    def report_view(self, request: HttpRequest, pharmacy_id: int) -> HttpResponse:
        """Asks for whom and what for, and issues the credit report of a pharmacy."""
        shop = _shop(request, pharmacy_id)
        return issue_page(
            request,
            self,
            "签发信用报告",
            lambda values, by, site: issue_report(shop, **values, by=by, site=site),
            back=show.change_url(shop),
            summary=[("药店", _shop_link(shop)), ("区县", shop.district.name)],
            note="报告载明登记信息、公布的信用等级及其理由、现行有效的违法违规和查实的举报投诉、异议和信用修复的结果，"
            "不含经办人员和举报人。可以交给药店。",
            form=ReportForm,
            initial={"recipient": shop.name if len(shop.name) <= RECIPIENT_LENGTH else f"药店 {shop.code}"},
        )

    def certificate_view(self, request: HttpRequest, pharmacy_id: int) -> HttpResponse:
        """Issues the certificate of the grade that holds today, or says why there is none."""
        shop = _shop(request, pharmacy_id)
        summary: list[tuple[str, Any]] = [("药店", _shop_link(shop))]
        refusal = ""
        try:
            said = certificate(shop, timezone.localdate())
        except Refused as refused:
            refusal = str(refused)
        else:
            summary += [
                ("等级", said.grade_shown),
                ("评价周期", show.period_label(said.period)),
                ("有效期", said.validity),
                ("公布序号", str(said.seq)),
            ]
        return issue_page(
            request,
            self,
            "签发等级证书",
            lambda _values, by, site: issue_certificate(shop, by=by, site=site),
            back=show.change_url(shop),
            summary=summary,
            note="证书供药店张贴，载明当前公布的等级；等级变动后，扫码查询到的是新的等级。",
            refusal=refusal,
        )

    @display(description="编号")
    def shown_number(self, row: IssuedDocument) -> str:
        return row.shown_number

    @display(description="文书")
    def what(self, row: IssuedDocument) -> SafeString:
        return show.two_lines(row.get_kind_display(), row.title)

    @display(description="药店")
    def shop(self, row: IssuedDocument) -> str | SafeString:
        return show.two_lines(row.pharmacy.name, row.pharmacy.code) if row.pharmacy else "—"

    @display(description="区县")
    def place(self, row: IssuedDocument) -> str:
        return row.district.name if row.district else "全市"

    @display(description="评价周期")
    def period_name(self, row: IssuedDocument) -> str:
        return show.period_label(row.period) if row.period else "—"

    def issued(self, row: IssuedDocument) -> str:
        return f"{row.issued_by}，{show.moment(row.issued_at)}"

    @display(description="签发")
    def when(self, row: IssuedDocument) -> SafeString:
        return show.two_lines(show.moment(row.issued_at), row.issued_by)

    @display(description="电子签名")
    def signature(self, row: IssuedDocument) -> SafeString:
        return show.badge("good", "有") if row.signed else show.badge("plain", "无")


class ReportForm(forms.Form):
    """For whom a credit report is, and what for."""

    recipient = line(
        "提供给", most=RECIPIENT_LENGTH, help_text="印在报告上，如：药店本身、某银行、某部门；不填个人姓名"
    )
    purpose = line(
        "用途",
        most=PURPOSE_LENGTH,
        help_text="如：药店了解自身信用状况、评选先进资格审查；印在报告上，记入操作记录",
    )


def _may_read(request: HttpRequest, row: IssuedDocument) -> bool:
    """Whoever opens the link in a letter uses it up."""
    return row.purpose != WITH_LINK or bool(request.user.has_perm("ratings.add_noticelink"))


def beginnings(request: HttpRequest, pharmacy: Pharmacy) -> list[tuple[str, str]]:
    """What can be issued about a pharmacy, with the address that asks; none for those who may not."""
    if not may_issue(request):
        return []
    return [
        (title, reverse(f"admin:ratings_issueddocument_{name}", args=(pharmacy.pk,)))
        for title, name in (("签发信用报告", "report"), ("签发等级证书", "certificate"))
    ]


def documents_of(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    """The table of what was issued about a pharmacy, newest first."""
    rows = [
        (
            show.link(show.change_url(row), row.shown_number),
            row.get_kind_display(),
            show.period_label(row.period) if row.period else "—",
            row.purpose or "—",
            f"{row.issued_by}，{show.moment(row.issued_at)}",
        )
        for row in visible(request, pharmacy.documents.all())[:_LATEST]
    ]
    more = show.list_url(IssuedDocument, pharmacy__id__exact=pharmacy.pk)
    return show.table("签发的文书", ("编号", "种类", "评价周期", "用途", "签发"), rows, more=more)


def _shop(request: HttpRequest, pharmacy_id: int) -> Pharmacy:
    """A pharmacy in the user's scope. 403 for those who may not issue, 404 outside the scope."""
    check_may_issue(request)
    shops = visible(request, Pharmacy.objects.select_related("district", "enterprise", "predecessor"))
    shop = shops.filter(pk=pharmacy_id).first()
    if shop is None:
        raise Http404("没有这家药店，或者它不在您的管辖范围内。")
    return shop


def _shop_link(pharmacy: Pharmacy) -> SafeString:
    return show.link(show.change_url(pharmacy), f"{pharmacy.name}（{pharmacy.code}）")


def _stated(seq: int) -> SafeString | str:
    """The published grade that a document states, and whether it is the pharmacy's still."""
    grade = PublishedGrade.objects.filter(seq=seq).first()
    if grade is None:
        return f"公布等级 #{seq}"
    now = grade_in_force(grade.pharmacy_id, timezone.localdate())
    held = now is not None and now.seq == grade.seq
    mark = show.badge("good", "仍为当前等级") if held else show.badge("warn", "已不是当前等级")
    badge = published_badge(grade, scheme_names([grade]))
    parts = (badge, show.link(show.change_url(grade), f"公布等级 #{seq}"), mark)
    return format_html_join("　", "{}", ((part,) for part in parts))

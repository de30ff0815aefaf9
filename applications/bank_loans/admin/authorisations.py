"""Pharmacies' authorisations: recorded with their document, withdrawn, imported by the batch."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from applications.bank_loans import services
from applications.bank_loans.admin import words
from applications.bank_loans.admin.filters import HoldingFilter, ProductFilter
from applications.bank_loans.admin.standings import NamedAdmin
from applications.bank_loans.authorisation_files import HEADERS, read_rows
from applications.bank_loans.models import Authorisation, LoanProduct
from ratings.admin import asking, show
from ratings.admin.on_record import record_look
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused


def _products() -> QuerySet[LoanProduct]:
    return LoanProduct.objects.filter(is_sandbox=False)


class RecordForm(forms.Form):
    """One authorisation."""

    product = asking.row("贷款产品", _products())
    code = asking.line("定点编码", most=12, help_text="如 P33060200672")
    valid_from = asking.day("起始日")
    valid_until = asking.day("失效日", required=False)
    document = asking.document("授权书")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_until"].help_text = asking.last_day_hint(timezone.localdate())

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).upper()


class ImportForm(forms.Form):
    """Many authorisations that one document proves."""

    product = asking.row("贷款产品", _products())
    rows = forms.FileField(
        label="名单",
        help_text=f"CSV 或 XLSX，表头为{'、'.join(HEADERS)}；失效日是不再有效的首日，可空。最多 {services.MAX_ROWS:,} 行。",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
        error_messages={"required": "请选择名单。", "empty": "文件是空的。"},
    )
    document = asking.document("授权书（一份文件证明全部，如扫描的合订本）")


class WithdrawForm(forms.Form):
    """Why it is withdrawn."""

    reason = asking.reason("撤回原因", "写明谁提出、怎样核实；记入操作记录")


@admin.register(Authorisation)
class AuthorisationAdmin(NamedAdmin):
    """Who may see, the document too: the view permission, for the whole city; record and import: add;
    withdraw: change."""

    menu_order, menu_icon = 20, "handshake"
    list_display = ("shop", "product_shown", "span", "holding", "recorded")
    list_filter = (ProductFilter, HoldingFilter)
    list_select_related = ("product",)
    ordering = ("-id",)
    actions_list = ("bring",)

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("<int:pk>/withdraw/", self.withdraw_view, "withdraw"),
            ("<int:pk>/document/", self.document_view, "document"),
        )
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_authorisation")

    def has_bring_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied

        def do(values: dict[str, Any]) -> tuple[str, str]:
            made = services.record_authorisation(by=Actor.of(request), today=timezone.localdate(), **values)
            return show.change_url(made), f"已登记药店 {made.code} 的授权，名单已随之更新。"

        product = request.GET.get("product", "")
        initial = {
            "product": product,
            "code": request.GET.get("code", ""),
            "valid_from": timezone.localdate(),
        }
        return asking.ask(
            self, request, "登记药店授权", RecordForm, do, back=self._list_url(), initial=initial
        )

    @action(
        description="批量导入授权",
        url_path="bring",
        permissions=["bring"],
        icon="upload_file",
        variant=ActionVariant.DEFAULT,
    )
    def bring(self, request: HttpRequest) -> HttpResponse:
        """Many at once: all, or none with every wrong row told."""

        def do(values: dict[str, Any]) -> tuple[str, str]:
            rows = read_rows(values["rows"])
            many = services.record_authorisations(
                values["product"], rows, values["document"], by=Actor.of(request), today=timezone.localdate()
            )
            return self._list_url(), f"已登记 {many:,} 家药店的授权，名单已随之更新。"

        note = "全部正确才登记；有一行不对，就一行也不登记，并逐行说明。"
        return asking.ask(
            self, request, "批量导入授权", ImportForm, do, back=self._list_url(), note=note, button="导入"
        )

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraws from today on."""
        row: Authorisation = self.visible_or_404(request, pk)
        if not self.may(request, "change_authorisation"):
            raise PermissionDenied
        if row.withdrawn_on is not None:
            return HttpResponseRedirect(show.change_url(row))

        def do(values: dict[str, Any]) -> tuple[str, str]:
            services.withdraw_authorisation(
                row, reason=values["reason"], by=Actor.of(request), today=timezone.localdate()
            )
            return show.change_url(row), "已撤回，名单已随之更新。"

        note = "撤回自今天起生效，不能恢复；药店随即移出名单并告知银行。以后要恢复，须另行登记授权。"
        return asking.ask(
            self,
            request,
            "撤回授权",
            WithdrawForm,
            do,
            back=show.change_url(row),
            note=note,
            danger=True,
            summary=self._facts(row),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What was authorised, by what document, and whether it holds."""
        row: Authorisation = self.visible_or_404(request, object_id)
        may_withdraw = row.withdrawn_on is None and self.may(request, "change_authorisation")
        return self.page(
            request,
            "bank_loans/admin/authorisation.html",
            f"药店授权 #{row.pk}",
            facts=self._facts(row),
            document=row,
            document_url=reverse("admin:bank_loans_authorisation_document", args=(row.pk,)),
            withdraw_url=reverse("admin:bank_loans_authorisation_withdraw", args=(row.pk,))
            if may_withdraw
            else "",
        )

    def document_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The document as it was sent, never shown inside a page; each look is on record."""
        row: Authorisation = self.visible_or_404(request, pk)
        try:
            file = services.open_document(row)
        except Refused as refused:
            record("授权书校验失败", row, by=Actor.of(request), reason=str(refused)[:500])
            answer: HttpResponseBase = self.page(
                request, "ratings/admin/desk/broken.html", "授权书无法下载", text=str(refused),
                back=show.change_url(row),
            )  # fmt: skip
            answer.status_code = 409
            return answer
        record_look(request, row, f"授权书“{row.document_name}”")
        answer = FileResponse(file, content_type="application/octet-stream")
        answer["Content-Disposition"] = content_disposition_header(True, row.document_name) or "attachment"
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Cache-Control"] = "private, no-store"
        answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return answer

    def _list_url(self) -> str:
        return reverse("admin:bank_loans_authorisation_changelist")

    def _facts(self, row: Authorisation) -> list[tuple[str, Any]]:
        today = timezone.localdate()
        name = words.names([row.code], today).get(row.code, "")
        facts = [
            ("药店", f"{name}（{row.code}）" if name else row.code),
            ("贷款产品", show.link(show.change_url(row.product), words.product_name(row.product))),
            ("期限", words.days(row.valid_from, row.valid_until)),
            ("效力", words.holding(row, today)),
            ("登记", f"{row.recorded_by}，{show.moment(row.recorded_at)}"),
        ]
        if row.withdrawn_on is not None:
            facts += [
                ("撤回", f"{row.withdrawn_by}，{show.day(row.withdrawn_on)}"),
                ("撤回原因", row.withdrawal_reason),
            ]
        return facts

    @display(description="贷款产品")
    def product_shown(self, row: Authorisation) -> str:
        return words.product_name(row.product)

    @display(description="期限")
    def span(self, row: Authorisation) -> str:
        return words.days(row.valid_from, row.valid_until)

    @display(description="效力")
    def holding(self, row: Authorisation) -> SafeString:
        return words.holding(row, timezone.localdate())

    @display(description="登记")
    def recorded(self, row: Authorisation) -> str:
        return f"{row.recorded_by}，{show.moment(row.recorded_at)}"

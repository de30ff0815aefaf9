"""Rating schemes: read as tables beside their text, checked and stored as drafts, activated."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.grades import readable
from ratings.admin.insight.menu import LAB, may_see
from ratings.admin.on_record import note_refusal, refuse
from ratings.admin.scheme_page import scheme_page
from ratings.admin.scope import sees_whole_city
from ratings.models import RatingRun, SchemeVersion
from ratings.rules import SchemeError, parse_scheme
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.schemes import activate_scheme, store_scheme

#: No scheme document is larger, bytes.
MAX_DOCUMENT = 1_000_000


@admin.register(SchemeVersion)
class SchemeVersionAdmin(ReadOnlyAdmin):
    """Who may see: the view permission. Who may store drafts: add; activate: change; both only
    for the whole city."""

    list_display = ("title", "version", "key", "effective", "force", "stored", "activated")
    search_fields = ("key", "title")
    search_help_text = "键或名称"
    sortable_by = ()
    actions_list = ("draft",)
    actions_detail = ("activate",)

    def has_draft_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.add_schemeversion") and sees_whole_city(request)

    def has_activate_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("ratings.change_schemeversion") and sees_whole_city(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The scheme as tables, and its text. Read only."""
        scheme = self.visible_or_404(request, object_id)
        rules = readable(scheme)
        return self.page(
            request,
            "ratings/admin/scheme.html",
            str(scheme),
            scheme=scheme,
            content=scheme_page(rules) if rules else None,
            force=self.force(scheme),
            stored=self.stored(scheme),
            activated=self.activated(scheme),
            runs=RatingRun.objects.filter(scheme=scheme).count(),
            may_activate=not scheme.in_force and self.has_activate_permission(request),
            may_try=may_see(request, LAB),
        )

    @action(
        description="存入新版本",
        url_path="draft",
        permissions=["draft"],
        icon="add",
        variant=ActionVariant.PRIMARY,
    )
    def draft(self, request: HttpRequest) -> HttpResponse:
        """A document is pasted or uploaded, checked, and kept as a draft when it is sound."""
        text, problems, refusal, sound = "", [], "", None
        if request.method == "POST":
            text, refusal = _document_of(request)
            if not refusal:
                try:
                    if "store" in request.POST:
                        stored = store_scheme(text, by=Actor.of(request))
                        messages.success(request, "已存为草稿。启用以前不能用于正式评价。")
                        return HttpResponseRedirect(show.change_url(stored))
                    sound = parse_scheme(text.encode(), "文本")
                except SchemeError as error:
                    problems = list(error.problems)
                except Refused as refused:
                    refusal = str(refused)
                    note_refusal(request, refused)
        return self.page(
            request,
            "ratings/admin/draft.html",
            "存入评价规则新版本",
            text=text,
            problems=problems,
            refusal=refusal,
            sound=sound,
            content=scheme_page(sound) if sound else None,
        )

    @action(description="启用", url_path="activate", permissions=["activate"], icon="check_circle")
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason (GET) and puts the draft in force (POST)."""
        scheme = self.visible_or_404(request, object_id)
        if readable(scheme) is None:
            raise PermissionDenied("规则文本无法读取，不能启用。")
        back = HttpResponseRedirect(show.change_url(scheme))
        reason = request.POST.get("reason", "").strip()
        if request.method == "POST" and reason and len(reason) <= 500:
            try:
                activate_scheme(scheme, by=Actor.of(request), reason=reason)
                messages.success(request, "已启用。此版本从此不能更改。")
            except Refused as refused:
                refuse(request, refused)
            return back
        if scheme.in_force:
            messages.warning(request, "此版本已经启用。")
            return back
        return self.page(
            request,
            "ratings/admin/activate.html",
            f"启用 {scheme}",
            scheme=scheme,
            effective=show.day(scheme.effective_on),
            reason=reason,
            missing=request.method == "POST",
            back=show.change_url(scheme),
        )

    @display(description="施行日期")
    def effective(self, row: SchemeVersion) -> str:
        return show.day(row.effective_on)

    @display(description="状态")
    def force(self, row: SchemeVersion) -> SafeString:
        return show.badge("good", "已启用") if row.in_force else show.badge("warn", "草稿")

    @display(description="存入")
    def stored(self, row: SchemeVersion) -> str:
        return f"{row.stored_by}，{show.moment(row.stored_at)}"

    @display(description="启用")
    def activated(self, row: SchemeVersion) -> str:
        return f"{row.activated_by}，{show.moment(row.activated_at)}" if row.in_force else "—"


def _document_of(request: HttpRequest) -> tuple[str, str]:
    """The document that was sent, from the file or the text box, and why it cannot be taken."""
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("document", "").replace("\r\n", "\n")
        return (text, "") if text.strip() else ("", "请粘贴规则文本，或选择一个 TOML 文件。")
    if (file.size or 0) > MAX_DOCUMENT:
        return "", f"文件过大：规则文本不超过 {MAX_DOCUMENT // 1000} KB。"
    try:
        return file.read().decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return "", "文件不是 UTF-8 编码的文本：请在编辑器中另存为 UTF-8。"

"""The catalogue and the enterprise rule: read as tables, checked and stored as drafts, tried, put in force."""

import csv
import io
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from applications.enterprise_credit import documents, previewing
from applications.enterprise_credit.admin.document_tables import document_tables
from applications.enterprise_credit.intake import derive_later
from applications.enterprise_credit.models import RuleDocument
from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.catalogue import Catalogue
from ratings.admin import show
from ratings.admin.base import CityAdmin
from ratings.admin.exports import MAX_ROWS, harmless
from ratings.admin.on_record import note_refusal, refuse
from ratings.published import districts
from ratings.rules.problems import SchemeError
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: No document is larger, bytes.
MAX_DOCUMENT: Final = 1_000_000
_RULE: Final = RuleDocument.Kind.ENTERPRISE_RULE
_WAYS: Final = {1: "上升", -1: "下降", 0: "等级从有到无或从无到有"}


@admin.register(RuleDocument)
class RuleDocumentAdmin(CityAdmin):
    """Who may see: the view permission, for the whole city; store drafts: add; put in force and try: change or add."""

    menu_order, menu_icon = 70, "menu_book"
    list_display = ("title", "kind", "version", "effective", "force", "stored", "activated")
    list_filter = ("kind",)
    search_fields = ("key", "title")
    search_help_text = "代码或名称"
    sortable_by = ()
    actions_list = ("draft",)

    def get_urls(self) -> list[Any]:
        return (
            self.own_paths(
                ("<int:pk>/activate/", self.activate_view, "activate"),
                ("<int:pk>/effect/", self.effect_view, "effect"),
                ("<int:pk>/effect.csv", self.effect_csv, "effect_csv"),
            )
            + super().get_urls()
        )

    def has_draft_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_ruledocument")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The document as tables, and its text. Read only."""
        stored: RuleDocument = self.visible_or_404(request, object_id)
        read = _readable(stored)
        facts, tables = document_tables(read, _catalogue_for(read)) if read else ([], [])
        return self.page(
            request,
            "enterprise_credit/admin/document.html",
            str(stored),
            document=stored,
            read=read,
            facts=[
                *([("依据", read.basis)] if read else []),
                *facts,
                ("施行日期", show.day(stored.effective_on)),
                ("存入", self.stored(stored)),
                ("启用", self.activated(stored)),
                ("代码", stored.key),
                ("SHA-256", stored.sha256),
            ],
            content={"tables": tables},
            force=self.force(stored),
            acts=self._acts(request, stored) if read else [],
        )

    def _acts(self, request: HttpRequest, stored: RuleDocument) -> list[tuple[str, str, str]]:
        """(address, title, style) of what the user can go on to."""
        acts = []
        if stored.kind == _RULE and self._may_try(request):
            acts.append((self._url("effect", stored), "试算影响", ""))
        if not stored.activated_at and self.may(request, "change_ruledocument"):
            acts.append((self._url("activate", stored), "启用……", "cs-primary"))
        return acts

    def _url(self, name: str, stored: RuleDocument) -> str:
        return reverse(f"admin:enterprise_credit_ruledocument_{name}", args=(stored.pk,))

    def _may_try(self, request: HttpRequest) -> bool:
        return self.may(request, "add_ruledocument") or self.may(request, "change_ruledocument")

    @action(
        description="存入新版本",
        url_path="draft",
        permissions=["draft"],
        icon="add",
        variant=ActionVariant.PRIMARY,
    )
    def draft(self, request: HttpRequest) -> HttpResponse:
        """A document is pasted or uploaded, checked, and kept as a draft when it is sound."""
        kind, text, problems, refusal, sound = RuleDocument.Kind.CATALOGUE.value, "", [], "", None
        if request.method == "POST":
            kind = request.POST.get("kind", "")
            text, refusal = _document_of(request)
            if kind not in RuleDocument.Kind.values:
                refusal = "请选择文件种类。"
            if not refusal:
                try:
                    if "store" in request.POST:
                        stored = documents.store(kind, text, by=Actor.of(request))
                        messages.success(
                            request,
                            "这一版本已经启用，文本相同，没有改动。"
                            if stored.activated_at
                            else "已存为草稿，由另一人启用后施行。",
                        )
                        return HttpResponseRedirect(show.change_url(stored))
                    sound = documents.read(kind, text)
                except SchemeError as error:
                    problems = list(error.problems)
                except Refused as refused:
                    refusal = str(refused)
                    note_refusal(request, refused)
        tables = document_tables(sound, _catalogue_for(sound))[1] if sound else []
        return self.page(
            request,
            "enterprise_credit/admin/draft.html",
            "存入目录或规则的新版本",
            kinds=RuleDocument.Kind.choices,
            kind=kind,
            text=text,
            problems=problems,
            refusal=refusal,
            sound=sound,
            tables=tables,
        )

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks for the reason (GET) and puts the draft in force (POST)."""
        stored: RuleDocument = self.visible_or_404(request, pk)
        if not self.may(request, "change_ruledocument"):
            raise PermissionDenied
        back = show.change_url(stored)
        reason = request.POST.get("reason", "").strip()
        if request.method == "POST" and reason and len(reason) <= 500:
            try:
                put = documents.activate(stored, by=Actor.of(request), reason=reason)
                if put.effective_on <= timezone.localdate():
                    # one that takes effect later is gone by from that day's first hour, by beat
                    derive_later(None)
                messages.success(request, "已启用。此版本从此不能更改。")
            except Refused as refused:
                refuse(request, refused)
            return HttpResponseRedirect(back)
        if stored.activated_at:
            messages.warning(request, "此版本已经启用。")
            return HttpResponseRedirect(back)
        return self.page(
            request,
            "ratings/admin/activate.html",
            f"启用{stored}",
            scheme=stored,
            effective=show.day(stored.effective_on),
            reason=reason,
            missing=request.method == "POST",
            back=back,
        )

    def effect_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The rule run over all enterprises as they are today: who would have which grade. Stores nothing."""
        stored, rule = self._rule_or_403(request, pk)
        found = previewing.effect(rule, timezone.localdate())
        names = [grade.name for grade in rule.grades]
        held = list(dict.fromkeys([*names, *sorted({before for before, _ in found.matrix if before}), ""]))
        totals = [sum(found.matrix[before, after] for before in held) for after in [*names, ""]]
        matrix = [
            (
                before or "无等级",
                *(_count(found.matrix[before, after]) for after in [*names, ""]),
                _count(sum(found.matrix[before, after] for after in [*names, ""])),
            )
            for before in held
        ]
        matrix.append(("合计", *map(_count, totals), _count(found.enterprises)))
        more = found.moved > len(found.moves)
        return self.page(
            request,
            "enterprise_credit/admin/effect.html",
            f"试算影响：{stored}",
            document=stored,
            found=found,
            facts=[
                ("企业", f"{found.enterprises:,} 家"),
                ("等级改变", f"{found.moved:,} 家"),
                *((label, f"{found.ways[way]:,} 家") for way, label in _WAYS.items()),
            ],
            tables=[
                show.table(
                    "等级变化",
                    ("现等级＼试算等级", *names, "无等级", "合计"),
                    matrix,
                    note="行为现在的等级，列为按本规则试算的等级。",
                ),
                show.table(
                    "等级改变的企业",
                    ("企业", "区县", "现等级", "试算等级", "变化"),
                    self._moved(found.moves),
                    note=f"只列出前 {len(found.moves)} 家，其余见 CSV。" if more else "",
                ),
            ],
            csv_url=self._url("effect_csv", stored) if found.moved else "",
            back=show.change_url(stored),
        )

    def _moved(self, moves: list[previewing.Move]) -> list[tuple[Any, ...]]:
        known = districts()
        return [
            (
                show.two_lines(move.name, move.uscc),
                known.get(move.district or 0, "—"),
                show.two_lines(move.before or "无等级", _points(move.score_before)),
                show.two_lines(move.after or "无等级", move.reason or _points(move.score_after)),
                _WAYS[move.way],
            )
            for move in moves
        ]

    def effect_csv(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that would move, up to the most that an export may hold; on record."""
        stored, rule = self._rule_or_403(request, pk)
        found = previewing.effect(rule, timezone.localdate(), listed=MAX_ROWS)
        known = districts()
        out = io.StringIO()
        out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
        writer = csv.writer(out)
        writer.writerow(
            (
                "统一社会信用代码",
                "企业名称",
                "区县",
                "现等级",
                "现信用分",
                "试算等级",
                "试算信用分",
                "变化",
                "说明",
            )
        )
        for move in found.moves:
            cells = (
                *(move.uscc, move.name, known.get(move.district or 0, "")),
                *(move.before, _number(move.score_before), move.after, _number(move.score_after)),
                *(_WAYS[move.way], move.reason),
            )
            writer.writerow([harmless(cell) for cell in cells])
        record("导出", stored, by=Actor.of(request), format="CSV", rows=len(found.moves), what="试算影响")
        response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
        name = f"effect-{stored.key}-{stored.version}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _rule_or_403(self, request: HttpRequest, pk: int) -> tuple[RuleDocument, EnterpriseRule]:
        stored: RuleDocument = self.visible_or_404(request, pk)
        rule = _readable(stored)
        if not self._may_try(request) or not isinstance(rule, EnterpriseRule):
            raise PermissionDenied
        return stored, rule

    @display(description="施行日期")
    def effective(self, row: RuleDocument) -> str:
        return show.day(row.effective_on)

    @display(description="状态")
    def force(self, row: RuleDocument) -> SafeString:
        return show.badge("good", "已启用") if row.activated_at else show.badge("warn", "草稿")

    @display(description="存入")
    def stored(self, row: RuleDocument) -> str:
        return f"{row.stored_by}，{show.moment(row.stored_at)}"

    @display(description="启用")
    def activated(self, row: RuleDocument) -> str:
        return f"{row.activated_by}，{show.moment(row.activated_at)}" if row.activated_at else "—"


def _readable(stored: RuleDocument) -> Catalogue | EnterpriseRule | None:
    """The document, None where this version of the system cannot read it."""
    try:
        return documents.parsed(stored)
    except SchemeError:
        return None


def _catalogue_for(read: Catalogue | EnterpriseRule) -> Catalogue | None:
    """The catalogue itself; for a rule that in force when the rule takes effect, or today if that is later."""
    if isinstance(read, Catalogue):
        return read
    try:
        return documents.catalogue_on(max(read.effective_on, timezone.localdate()))
    except documents.NoDocument:
        return None


def _document_of(request: HttpRequest) -> tuple[str, str]:
    """The document that was sent, from the file or the text box, and why it cannot be taken; the text box is kept."""
    text = request.POST.get("document", "").replace("\r\n", "\n")
    file = request.FILES.get("file")
    if file is None:
        return text, "" if text.strip() else "请粘贴文本，或选择一个 TOML 文件。"
    if (file.size or 0) > MAX_DOCUMENT:
        return text, f"文件过大：不超过 {MAX_DOCUMENT // 1000} KB。"
    try:
        return file.read().decode("utf-8-sig").replace("\r\n", "\n"), ""
    except UnicodeDecodeError:
        return text, "文件不是 UTF-8 编码的文本：请在编辑器中另存为 UTF-8。"


def _count(value: int) -> str:
    return f"{value:,}" if value else "—"


def _points(thousandths: int | None) -> str:
    return "—" if thousandths is None else f"{show.points(thousandths)} 分"


def _number(thousandths: int | None) -> Any:
    return "" if thousandths is None else show.points_number(thousandths)

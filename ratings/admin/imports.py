"""Imports: upload, name the columns, see the dry run, then accept or drop the batch."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.on_record import note_refusal, refuse
from ratings.admin.scope import districts_of, sees_whole_city
from ratings.admin.uploads import (
    MAX_UPLOAD,
    Header,
    Upload,
    bound_columns,
    columns_context,
    download,
    forget_upload,
    headers_of,
    keep_upload,
    posted_mapping,
    told_read_as,
    waiting_upload,
)
from ratings.models import ImportBatch
from ratings.services.audit import Actor, record
from ratings.services.imports import (
    ImportStopped,
    Kind,
    UnknownKind,
    accept_import,
    check_import,
    drop_import,
    kind_named,
    kinds,
    problems_csv,
    template_csv,
)

#: Refused rows that the page itself shows; the download has them all.
_SHOWN_PROBLEMS = 200
#: Kinds that belong to no district.
_CITY_KINDS = {"districts", "enterprises"}


class KindFilter(DropdownFilter):
    title = "数据种类"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.id, kind.label) for kind in kinds()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    """Who may see: the view permission; all batches for the whole city, else one's own.

    Who may import: those who may add batches and that kind of record; accept and drop: who
    may change batches as well. Rows outside the own districts are refused by the service.
    """

    list_display = (
        "number",
        "kind_name",
        "file_name",
        "state_mark",
        "added",
        "changed",
        "unchanged",
        "refused",
        "uploaded",
        "accepted",
    )
    list_display_links = ("number", "file_name")
    list_filter = (("state", ChoicesDropdownFilter), KindFilter)
    search_fields = ("file_name", "uploaded_by")
    search_help_text = "文件名或上传人"
    sortable_by = ()
    actions_list = ("upload",)

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("columns/<str:token>/", self.columns_view, "columns"),
            ("template/<str:kind_id>/", self.template_view, "template"),
            ("<int:batch_id>/accept/", require_POST(self.accept_view), "accept"),
            ("<int:batch_id>/drop/", require_POST(self.drop_view), "drop"),
            ("<int:batch_id>/problems/", self.problems_view, "problems"),
        )
        return own + super().get_urls()

    # rights

    def has_upload_permission(self, request: HttpRequest) -> bool:
        return bool(self._kinds(request))

    def _may(self, request: HttpRequest, kind: Kind) -> bool:
        model = kind.table.removeprefix("ratings_")
        return (
            request.user.has_perm("ratings.add_importbatch")
            and request.user.has_perm(f"ratings.add_{model}")
            and districts_of(request.user) != frozenset()
            and (sees_whole_city(request) or kind.id not in _CITY_KINDS)
        )

    def _kinds(self, request: HttpRequest) -> list[Kind]:
        return [kind for kind in kinds() if self._may(request, kind)]

    def _decidable(self, request: HttpRequest, batch_id: int) -> ImportBatch:
        """A visible batch that the user may accept or drop."""
        batch: ImportBatch = self.visible_or_404(request, batch_id)
        try:
            kind = kind_named(batch.kind)
        except UnknownKind as unknown:
            raise Http404(str(unknown)) from unknown
        if not (request.user.has_perm("ratings.change_importbatch") and self._may(request, kind)):
            raise PermissionDenied
        return batch

    # upload

    @action(
        description="导入文件",
        url_path="upload",
        permissions=["upload"],
        icon="upload",
        variant=ActionVariant.PRIMARY,
    )
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Choose the kind and the file."""
        offered = self._kinds(request)
        problem, chosen = "", request.POST.get("kind") or request.GET.get("kind", "")
        if request.method == "POST":
            file = request.FILES.get("file")
            if chosen not in {kind.id for kind in offered}:
                problem = "请选择数据种类。"
            elif file is None:
                problem = "请选择文件。"
            elif not file.size:
                problem = "文件是空的。"
            elif file.size > MAX_UPLOAD:
                problem = (
                    f"文件过大：网页上传不超过 {MAX_UPLOAD // 1024 // 1024} MB。"
                    "请拆分后上传，或请系统管理员用 manage.py import_facts 导入。"
                )
            else:
                sheet = request.POST.get("sheet", "").strip()
                kept = keep_upload(request, chosen, file.name or "上传文件", sheet, file.chunks())
                return HttpResponseRedirect(reverse("admin:ratings_importbatch_columns", args=(kept.token,)))
        return self.page(
            request,
            "ratings/admin/upload.html",
            "导入文件",
            kinds=offered,
            chosen=chosen,
            problem=problem,
            limit=MAX_UPLOAD // 1024 // 1024,
        )

    def columns_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Shows the headers with the column that each seems to be; on POST the dry run."""
        if not self.has_upload_permission(request):
            raise PermissionDenied
        upload = waiting_upload(request, token)
        if upload is None:
            messages.warning(request, "上传的文件已不在（超过一天或已处理），请重新上传。")
            return HttpResponseRedirect(reverse("admin:ratings_importbatch_upload"))
        kind = next((one for one in kinds() if one.id == upload.kind), None)
        if kind is None or not self._may(request, kind):
            raise PermissionDenied
        stopped: ImportStopped | None = None
        try:
            headers = headers_of(kind, upload)
        except ImportStopped as error:
            forget_upload(request, upload)
            refuse(request, error)
            return HttpResponseRedirect(reverse("admin:ratings_importbatch_upload"))
        if request.method == "POST":
            try:
                batch = self._check(request, kind, upload, headers)
            except ImportStopped as error:
                stopped = error
                note_refusal(request, error)
            else:
                forget_upload(request, upload)
                return HttpResponseRedirect(show.change_url(batch))
        columns = columns_context(request, kind, headers)
        columns["incomplete"] |= stopped is not None
        return self.page(
            request,
            "ratings/admin/columns.html",
            f"导入{kind.label}：核对列",
            kind=kind,
            upload=upload,
            stopped=stopped,
            **columns,
        )

    def _check(self, request: HttpRequest, kind: Kind, upload: Upload, headers: list[Header]) -> ImportBatch:
        mapping, defaults = posted_mapping(request, kind, headers)
        with upload.path.open("rb") as file:
            return check_import(
                kind.id,
                file,
                upload.name,
                by=Actor.of(request),
                mapping=mapping,
                defaults=defaults,
                sheet=upload.sheet or None,
                within=districts_of(request.user),
            )

    def template_view(self, request: HttpRequest, kind_id: str) -> HttpResponse:
        """A CSV file to fill in."""
        try:
            kind = kind_named(kind_id)
        except UnknownKind as unknown:
            raise Http404(str(unknown)) from unknown
        if not self._may(request, kind):
            raise PermissionDenied
        return download(HttpResponse(template_csv(kind.id), content_type="text/csv"), f"{kind.label}模板.csv")

    # one batch

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The batch: how the file was read, what would be added, and what was refused."""
        batch = self.visible_or_404(request, object_id)
        open_now = batch.state == ImportBatch.State.CHECKED
        kind = _kind_of(batch)
        may_decide = (
            open_now
            and kind is not None
            and request.user.has_perm("ratings.change_importbatch")
            and self._may(request, kind)
        )
        columns = {column.name: column.label for column in kind.columns} if kind else {}
        mapping = batch.mapping or {}
        return self.page(
            request,
            "ratings/admin/batch.html",
            f"导入批次 #{batch.pk}",
            batch=batch,
            kind_name=self.kind_name(batch),
            state_mark=self.state_mark(batch),
            size=show.number(batch.size),
            uploaded=self.uploaded(batch),
            accepted=self.accepted(batch),
            counts=[
                ("新增", show.number(batch.added)),
                ("更新（原记录作废，另立新版本）", show.number(batch.changed)),
                ("未变", show.number(batch.unchanged)),
                ("拒收", show.number(batch.refused)),
            ],
            columns=bound_columns(columns, mapping.get("read_as") or {}),
            defaults=[
                (columns.get(ours, ours), text) for ours, text in (mapping.get("defaults") or {}).items()
            ],
            ignored=(mapping.get("read_as") or {}).get("ignored_columns") or [],
            read_as=told_read_as(mapping.get("read_as") or {}),
            problems=batch.problems[:_SHOWN_PROBLEMS],
            more_problems=batch.refused > min(len(batch.problems), _SHOWN_PROBLEMS),
            may_decide=may_decide,
            anything=batch.added + batch.changed > 0,
        )

    def accept_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Writes the batch; refused rows are left out only where that is asked for."""
        batch = self._decidable(request, batch_id)
        try:
            batch = accept_import(
                batch,
                by=Actor.of(request),
                skip_refused="skip_refused" in request.POST,
                within=districts_of(request.user),
            )
        except ImportStopped as stopped:
            refuse(request, stopped)
        else:
            messages.success(request, f"已入库：新增 {batch.added:,} 条，更新 {batch.changed:,} 条。")
        return HttpResponseRedirect(show.change_url(batch))

    def drop_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Gives the batch up; nothing of it was written."""
        batch = self._decidable(request, batch_id)
        try:
            drop_import(batch, by=Actor.of(request))
        except ImportStopped as stopped:
            refuse(request, stopped)
        else:
            messages.success(request, "已放弃，没有写入任何数据。")
        return HttpResponseRedirect(show.change_url(batch))

    def problems_view(self, request: HttpRequest, batch_id: int) -> HttpResponse | StreamingHttpResponse:
        """All refused rows as CSV."""
        batch = self.visible_or_404(request, batch_id)
        try:
            pieces = problems_csv(batch)
        except ImportStopped as stopped:
            refuse(request, stopped)
            return HttpResponseRedirect(show.change_url(batch))
        record("导出", batch, by=Actor.of(request), what="拒收明细", rows=batch.refused)
        answer = StreamingHttpResponse(pieces, content_type="text/csv")
        return download(answer, f"拒收明细-{batch.pk}.csv")

    # columns

    @display(description="批次号")
    def number(self, row: ImportBatch) -> str:
        return f"#{row.pk}"

    @display(description="数据种类")
    def kind_name(self, row: ImportBatch) -> str:
        return kind_title(row)

    @display(description="状态")
    def state_mark(self, row: ImportBatch) -> SafeString:
        kind = {ImportBatch.State.ACCEPTED: "good", ImportBatch.State.CHECKED: "warn"}.get(row.state, "plain")  # type: ignore[call-overload]
        return show.badge(kind, row.get_state_display())

    @display(description="上传")
    def uploaded(self, row: ImportBatch) -> str:
        return f"{row.uploaded_by}，{show.moment(row.uploaded_at)}"

    @display(description="确认")
    def accepted(self, row: ImportBatch) -> str:
        return f"{row.accepted_by}，{show.moment(row.accepted_at)}" if row.accepted_at else "—"


def kind_title(batch: ImportBatch) -> str:
    """What kind of rows the batch holds, in words; a kind that is no more as it was called."""
    kind = _kind_of(batch)
    return kind.label if kind else batch.kind


def _kind_of(batch: ImportBatch) -> Kind | None:
    try:
        return kind_named(batch.kind)
    except UnknownKind:
        return None

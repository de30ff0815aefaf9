"""Batches of records (信用信息批次): upload a file, name its columns, look at the dry run, accept or drop."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from applications.enterprise_credit import record_files
from applications.enterprise_credit.admin import record_words
from applications.enterprise_credit.admin.record_filters import catalogue, supplied_types
from applications.enterprise_credit.admin.scoping import DepartmentAdmin, DepartmentFilter, viewer
from applications.enterprise_credit.models import RecordBatch
from applications.enterprise_credit.rules.catalogue import RecordType
from ratings.admin import show
from ratings.admin.on_record import note_refusal, refuse
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
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.imports import ImportStopped, Kind, template_csv

#: Problems that the page itself shows; the download has them all.
_SHOWN: Final = 200
#: Sets uploads of records apart from those of facts, which wait in the same session.
_OURS: Final = "enterprise_credit."


@admin.register(RecordBatch)
class RecordBatchAdmin(DepartmentAdmin):
    """Who may see: members of the department, and who keeps the whole (without the refused rows), with the view permission. Upload: who may also
    add batches and records of the own department; accept and drop: who may change batches as well."""

    menu_order, menu_icon = 50, "upload_file"
    list_display = (
        "number",
        "source_shown",
        "state_mark",
        "taken",
        "problems_shown",
        "uploaded",
    )
    list_display_links = ("number",)
    list_filter = (
        DepartmentFilter,
        ("state", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
    )
    list_select_related = ("department",)
    search_fields = ("file_name", "uploaded_by")
    search_help_text = "文件名或提交人"
    sortable_by = ()
    actions_list = ("upload",)

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("columns/<str:token>/", self.columns_view, "columns"),
            ("template/<slug:kind_id>/", self.template_view, "template"),
            ("<int:batch_id>/accept/", require_POST(self.accept_view), "accept"),
            ("<int:batch_id>/drop/", require_POST(self.drop_view), "drop"),
            ("<int:batch_id>/problems/", self.problems_view, "problems"),
        )
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the answers to calls, which are large."""
        return super().get_queryset(request).defer("answer")

    # rights

    def has_upload_permission(self, request: HttpRequest) -> bool:
        return (
            viewer(request) is not None
            and self.may(request, "add_recordbatch")
            and request.user.has_perm("enterprise_credit.add_creditrecord")
        )

    def _types(self, request: HttpRequest) -> dict[str, RecordType]:
        """The types that the user may bring files of."""
        if not self.has_upload_permission(request):
            return {}
        return {one.key: one for one in supplied_types(request)}

    def _may_decide(self, request: HttpRequest, batch: RecordBatch) -> bool:
        return (
            batch.state == RecordBatch.State.CHECKED
            and self.has_upload_permission(request)
            and self.may(request, "change_recordbatch")
        )

    # upload

    @action(
        description="导入文件",
        url_path="upload",
        permissions=["upload"],
        icon="upload",
        variant=ActionVariant.PRIMARY,
    )
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Choose the type and the file."""
        types = self._types(request)
        problem, chosen = "", request.POST.get("kind") or request.GET.get("kind", "")
        if request.method == "POST":
            file = request.FILES.get("file")
            if chosen not in types:
                problem = "请选择信用信息类型。"
            elif file is None:
                problem = "请选择文件。"
            elif not file.size:
                problem = "文件是空的。"
            elif file.size > MAX_UPLOAD:
                problem = f"文件过大：网页上传不超过 {MAX_UPLOAD // 1024 // 1024} MB，请拆分后上传。"
            else:
                sheet = request.POST.get("sheet", "").strip()
                kept = keep_upload(request, f"{_OURS}{chosen}", file.name or "上传文件", sheet, file.chunks())
                return HttpResponseRedirect(self._url("columns", kept.token))
        return self.page(
            request,
            "ratings/admin/upload.html",
            "导入信用信息",
            kinds=[record_files.kind_of(one) for one in types.values()],
            kind_label="信用信息类型",
            chosen=chosen if chosen in types else next(iter(types), "") if len(types) == 1 else "",
            problem=problem,
            limit=MAX_UPLOAD // 1024 // 1024,
        )

    def columns_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """The headers with the column that each seems to be; on POST the dry run."""
        if not self.has_upload_permission(request):
            raise PermissionDenied
        upload = waiting_upload(request, token)
        if upload is None:
            messages.warning(request, "上传的文件已不在（超过一天或已处理），请重新上传。")
            return HttpResponseRedirect(self._url("upload"))
        record_type = self._types(request).get(upload.kind.removeprefix(_OURS))
        if record_type is None or not upload.kind.startswith(_OURS):
            raise PermissionDenied
        kind = record_files.kind_of(record_type)
        stopped: ImportStopped | None = None
        try:
            headers = headers_of(kind, upload)
        except ImportStopped as error:
            forget_upload(request, upload)
            refuse(request, error)
            return HttpResponseRedirect(self._url("upload"))
        if request.method == "POST":
            try:
                batch = self._check(request, record_type, kind, upload, headers)
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

    def _check(
        self, request: HttpRequest, record_type: RecordType, kind: Kind, upload: Upload, headers: list[Header]
    ) -> RecordBatch:
        who = viewer(request)
        if who is None:
            raise PermissionDenied
        mapping, defaults = posted_mapping(request, kind, headers)
        with upload.path.open("rb") as file:
            return record_files.check_file(
                record_type,
                file,
                upload.name,
                department=who.department,
                by=Actor.of(request),
                mapping=mapping,
                defaults=defaults,
                sheet=upload.sheet or None,
            )

    def template_view(self, request: HttpRequest, kind_id: str) -> HttpResponse:
        """A CSV file to fill in."""
        record_type = self._types(request).get(kind_id)
        if record_type is None:
            raise Http404("您的部门不提供这种信用信息。")
        kind = record_files.kind_of(record_type)
        return download(HttpResponse(template_csv(kind), content_type="text/csv"), f"{kind.label}模板.csv")

    # one batch

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How a file was read, what would be written, and what is refused."""
        batch: RecordBatch = self.visible_or_404(request, object_id)
        record_type = catalogue(request).record_type(batch.record_type)
        columns = (
            {one.name: one.label for one in record_files.kind_of(record_type).columns} if record_type else {}
        )
        mapping = batch.mapping or {}
        read_as = mapping.get("read_as") or {}
        return self.page(
            request,
            "ratings/admin/batch.html",
            f"信用信息批次 #{batch.pk}",
            batch=batch,
            kind_label="信用信息类型",
            kind_name=record_type.title if record_type else batch.record_type,
            state_mark=self.state_mark(batch),
            size=show.number(batch.size),
            uploaded=self.uploaded(batch),
            accepted=self.accepted_shown(batch),
            counts=[
                ("新增", show.number(batch.accepted)),
                ("更正（原版本终止，另立新版本）", show.number(batch.corrected)),
                ("待匹配（收下，尚无企业）", show.number(batch.unmatched)),
                ("撤销", show.number(batch.withdrawn)),
                ("未变", show.number(batch.unchanged)),
                ("拒收", show.number(batch.refused)),
            ],
            columns=bound_columns(columns, read_as),
            defaults=[
                (columns.get(ours, ours), text)
                for ours, text in (mapping.get("defaults") or {}).items()
                if viewer(request) is not None or ours in _of_nobody(record_type)
            ],
            ignored=read_as.get("ignored_columns") or [],
            read_as=[
                *([("来源", batch.get_source_display())]),
                *([("幂等键", batch.idempotency_key)] if batch.idempotency_key else []),
                *told_read_as(read_as),
            ],
            problems=batch.problems[:_SHOWN],
            # what is wrong may name natural persons: that is for the department alone
            problems_hidden=viewer(request) is None,
            more_problems=batch.refused > min(len(batch.problems), _SHOWN),
            may_decide=self._may_decide(request, batch),
            anything=batch.accepted + batch.corrected + batch.unmatched > 0,
        )

    def accept_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Writes the batch; refused rows are left out only where that is asked for."""
        batch = self._decidable(request, batch_id)
        try:
            batch = record_files.accept_file(
                batch, by=Actor.of(request), skip_refused="skip_refused" in request.POST
            )
        except Refused as stopped:
            refuse(request, stopped)
        else:
            messages.success(
                request,
                f"已入库：新增 {batch.accepted:,} 条，更正 {batch.corrected:,} 条，待匹配 {batch.unmatched:,} 条。",
            )
        return HttpResponseRedirect(show.change_url(batch))

    def drop_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Gives the batch up; nothing of it was written."""
        batch = self._decidable(request, batch_id)
        try:
            record_files.drop_file(batch, by=Actor.of(request))
        except Refused as stopped:
            refuse(request, stopped)
        else:
            messages.success(request, "已放弃，没有写入任何数据。")
        return HttpResponseRedirect(show.change_url(batch))

    def problems_view(self, request: HttpRequest, batch_id: int) -> HttpResponse | StreamingHttpResponse:
        """All refused rows as CSV."""
        batch: RecordBatch = self.visible_or_404(request, batch_id)
        if viewer(request) is None:
            raise PermissionDenied
        record("导出", batch, by=Actor.of(request), what="拒收明细", rows=batch.refused)
        answer = StreamingHttpResponse(record_files.problems_csv(batch), content_type="text/csv")
        return download(answer, f"拒收明细-{batch.pk}.csv")

    def _decidable(self, request: HttpRequest, batch_id: int) -> RecordBatch:
        batch: RecordBatch = self.visible_or_404(request, batch_id)
        if batch.state == RecordBatch.State.CHECKED and not self._may_decide(request, batch):
            raise PermissionDenied
        if not self.has_upload_permission(request):
            raise PermissionDenied
        return batch

    def _url(self, name: str, *args: str) -> str:
        return reverse(f"admin:enterprise_credit_recordbatch_{name}", args=args)

    # columns

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Names of types are read once for all rows."""
        titles = record_words.type_titles(catalogue(request))

        @display(description="信用信息类型")
        def type_title(row: RecordBatch) -> SafeString:
            return show.two_lines(titles.get(row.record_type, row.record_type), row.department.name)

        number, *others = self.list_display
        return (number, type_title, *others)

    @display(description="批次号")
    def number(self, row: RecordBatch) -> str:
        return f"#{row.pk}"

    @display(description="来源")
    def source_shown(self, row: RecordBatch) -> SafeString | str:
        source = row.get_source_display()
        return show.two_lines(source, row.file_name) if row.file_name else source

    @display(description="状态")
    def state_mark(self, row: RecordBatch) -> SafeString:
        looks = {RecordBatch.State.ACCEPTED: "good", RecordBatch.State.CHECKED: "warn"}
        return show.badge(looks.get(RecordBatch.State(row.state), "plain"), row.get_state_display())

    @display(description="新增、更正、撤销")
    def taken(self, row: RecordBatch) -> str:
        return f"{row.accepted:,}、{row.corrected:,}、{row.withdrawn:,}"

    @display(description="待匹配、拒收")
    def problems_shown(self, row: RecordBatch) -> str:
        return f"{row.unmatched:,}、{row.refused:,}"

    @display(description="提交")
    def uploaded(self, row: RecordBatch) -> SafeString:
        return show.two_lines(row.uploaded_by, show.moment(row.uploaded_at))

    def accepted_shown(self, row: RecordBatch) -> str:
        return f"{row.accepted_by}，{show.moment(row.accepted_at)}" if row.accepted_at else "—"


def _of_nobody(record_type: RecordType | None) -> set[str]:
    """The columns of a type, those about natural persons left out; none of a type that is no more."""
    if record_type is None:
        return set()
    personal = {f"data.{field.key}" for field in record_type.fields if field.personal}
    return {column.name for column in record_files.kind_of(record_type).columns} - personal

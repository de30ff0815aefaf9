"""Evidence files: listed with what they support, handed out to those with the right, on record."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.acts import Act
from ratings.admin.desk.forms import FilesField, form_of
from ratings.admin.on_record import record_look
from ratings.models import Evidence
from ratings.services import evidence
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused


def evidence_act(permission: str, *also: str) -> Act:
    """More evidence for an open matter."""
    return Act(
        "evidence",
        "补充证据材料",
        permission,
        minor=True,
        do=_add,
        form=lambda request, row: form_of(files=FilesField(required=True)),
        also=also,
    )


def _add(row: Any, values: dict[str, Any], by: Actor) -> str:
    for upload in values["files"]:
        evidence.add_evidence(row, upload, by=by)
    return f"已补充 {len(values['files'])} 份证据材料。"


def evidence_rows(request: HttpRequest, **subject: Any) -> list[dict[str, Any]] | None:
    """The files of an adjustment, an objection or a repair; None for those without the right."""
    if not request.user.has_perm("ratings.view_evidence"):
        return None
    return [
        {
            "name": row.name,
            "url": reverse("admin:ratings_evidence_download", args=(row.pk,)),
            "size": _size(row),
            "sha256": row.sha256,
            "who": f"{row.uploaded_by}，{show.moment(row.uploaded_at)}",
        }
        for row in Evidence.objects.filter(**subject)
    ]


def _subject(row: Evidence) -> Model:
    """The adjustment, objection or repair that a file supports."""
    return next(each for each in (row.adjustment, row.objection, row.repair) if each is not None)


def _size(row: Evidence) -> str:
    return f"{(row.size + 1023) // 1024:,} KB"


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """Files are reached through what they support; the list is for inspection, outside the menu.

    Who may see and download: the view permission, where the subject is in the own districts.
    """

    list_display = ("name", "supports", "kind", "size_shown", "uploaded")
    list_select_related = ("adjustment", "objection", "repair")
    search_fields = ("name", "=sha256", "uploaded_by")
    search_help_text = "文件名、SHA-256 或上传人"
    ordering = ("-id",)
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(("<int:pk>/download/", self.download_view, "download"))
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What is known of a file, and the way to it."""
        row: Evidence = self.visible_or_404(request, object_id)
        return self.page(
            request,
            "ratings/admin/desk/file_page.html",
            row.name,
            facts=[
                ("属于", self.supports(row)),
                ("类型", self.kind(row)),
                ("大小", self.size_shown(row)),
                ("上传", self.uploaded(row)),
                ("SHA-256", row.sha256),
            ],
            url=reverse("admin:ratings_evidence_download", args=(row.pk,)),
        )

    @display(description="属于")
    def supports(self, row: Evidence) -> SafeString:
        subject = _subject(row)
        return show.link(show.change_url(subject), subject)

    @display(description="类型")
    def kind(self, row: Evidence) -> str:
        return evidence.KIND_LABELS[row.content_type]

    @display(description="大小")
    def size_shown(self, row: Evidence) -> str:
        return _size(row)

    @display(description="上传")
    def uploaded(self, row: Evidence) -> str:
        return f"{row.uploaded_by}，{show.moment(row.uploaded_at)}"

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The file as it was sent, never shown inside a page; each download is on record."""
        row: Evidence = self.visible_or_404(request, pk)
        try:
            file = evidence.open_evidence(row)
        except Refused as refused:
            record("证据材料校验失败", row, by=Actor.of(request), reason=str(refused)[:500], name=row.name)
            return self._broken(request, row, str(refused))
        record_look(request, row, f"证据材料“{row.name}”")
        answer = FileResponse(file, content_type=row.content_type)
        answer["Content-Disposition"] = content_disposition_header(True, row.name)
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Cache-Control"] = "private, no-store"
        answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return answer

    def _broken(self, request: HttpRequest, row: Evidence, text: str) -> HttpResponse:
        answer = self.page(
            request,
            "ratings/admin/desk/broken.html",
            "证据材料无法下载",
            text=text,
            back=show.change_url(_subject(row)),
        )
        answer.status_code = 409
        return answer

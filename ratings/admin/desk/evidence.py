"""Evidence files: listed with what they support, handed out to those with the right, on record."""

from typing import Any

from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.http import content_disposition_header

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
            "size": f"{(row.size + 1023) // 1024:,} KB",
            "sha256": row.sha256,
            "who": f"{row.uploaded_by}，{show.moment(row.uploaded_at)}",
        }
        for row in Evidence.objects.filter(**subject)
    ]


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """No list and no page of its own: files are reached through what they support.

    Who may download: the view permission, where the subject is in the own districts.
    """

    def get_urls(self) -> list[Any]:
        """Only the download; there is nothing else to see."""
        return self.own_paths(("<int:pk>/download/", self.download_view, "download"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def list_address(self) -> str:
        return reverse("admin:index")

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
        subject = next(each for each in (row.adjustment, row.objection, row.repair) if each is not None)
        answer = self.page(
            request,
            "ratings/admin/desk/broken.html",
            "证据材料无法下载",
            opts=subject._meta,
            text=text,
            back=show.change_url(subject),
        )
        answer.status_code = 409
        return answer

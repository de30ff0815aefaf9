"""Names and telephone numbers of people: shown on demand, to those who handle the matter, on record."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.on_record import record_look


class ContactPages(ReadOnlyAdmin):
    """Mixed into admins of rows with a ``contact``. Who may look: any of ``contact_permissions``."""

    contact_permissions: tuple[str, ...] = ()

    def contact_urls(self) -> list[Any]:
        """The address that shows a contact."""
        return self.own_paths(("<int:pk>/contact/", require_POST(self.contact_view), "contact"))

    def _may_look(self, request: HttpRequest) -> bool:
        return any(request.user.has_perm(name) for name in self.contact_permissions)

    def contact_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What ``ratings/admin/desk/contact.html`` draws: never the contact itself."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_contact"
        return {
            "has_contact": bool(row.contact),
            "contact_url": reverse(name, args=(row.pk,)) if self._may_look(request) else "",
        }

    def contact_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The row's page with the contact on it; the look is on record first."""
        row = self.visible_or_404(request, pk)
        if not self._may_look(request):
            raise PermissionDenied("联系方式只供办理人员查看。")
        record_look(request, row, "联系方式")
        return self.change_view(request, str(pk), extra_context={"contact": row.contact})

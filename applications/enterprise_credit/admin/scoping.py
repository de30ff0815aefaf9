"""Whose rows a page of the admin shows: a department's own, or all departments' to those who keep the whole."""

from typing import Any, Final

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from applications.clients.models import Organisation
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.rules.catalogue import Purpose
from applications.enterprise_credit.viewing import Viewer, viewer_of
from ratings.admin.base import ReadOnlyAdmin, ScopedAdmin, sees_whole_city

_CACHE: Final = "_enterprise_credit_viewer"


def viewer(request: HttpRequest) -> Viewer | None:
    """Whom the signed-in member of staff looks for: their department, None without one. One query a request."""
    if not hasattr(request, _CACHE):
        setattr(request, _CACHE, viewer_of(request))
    found: Viewer | None = getattr(request, _CACHE)
    return found


def sees_all_departments(request: HttpRequest) -> bool:
    """Whether the user keeps the whole: works for the whole city, and for no department in particular."""
    return viewer(request) is None and sees_whole_city(request)


class DepartmentFilter(DropdownFilter):
    """By department, where all are seen; for admins whose rows have a ``department``."""

    title = "部门"
    parameter_name = "department"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Organisation.objects.filter(kind=Organisation.Kind.DEPARTMENT).order_by("name")
        return [(str(key), name) for key, name in rows.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(department=int(value)) if value.isdecimal() else queryset.none()


class PurposeFilter(DropdownFilter):
    """By purpose, of those of the catalogue in force; for admins whose rows have a ``purpose``."""

    title = "用途"
    parameter_name = "purpose"

    def offered(self, purpose: Purpose) -> bool:
        """Whether rows for this purpose can be in the list."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        purposes = catalogue_on(timezone.localdate()).purposes
        return [(one.key, one.title) for one in purposes if self.offered(one)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(purpose=self.value()) if self.value() else queryset


class DepartmentAdmin(ReadOnlyAdmin):
    """For what belongs to a department. Who may see: its members with the view permission, and who keeps the whole.

    The others see nothing, whatever their permissions and their scope in ``ratings``.
    """

    #: lookup from a row to the key of its department
    department_field = "department"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """The rows of the viewer's department."""
        # not ScopedAdmin's, which narrows by the scope in ratings, and members of departments have none
        rows: QuerySet = super(ScopedAdmin, self).get_queryset(request)
        if sees_all_departments(request):
            return rows
        who = viewer(request)
        return rows.filter(**{self.department_field: who.department}) if who else rows.none()

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """With the permission, for members of a department and those who keep the whole."""
        may = super().has_view_permission(request, obj)
        return may and (viewer(request) is not None or sees_all_departments(request))

    def may(self, request: HttpRequest, codename: str) -> bool:
        """Whether the user sees this and has another permission of this application."""
        permission = f"{self.opts.app_label}.{codename}"
        return self.has_view_permission(request) and request.user.has_perm(permission)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Members of a department see one department only: nothing to choose from."""
        filters = super().get_list_filter(request)
        if sees_all_departments(request):
            return filters
        return [one for one in filters if one is not DepartmentFilter]

"""What all pages of the regulator's admin share: scope, no deletion, cheap lists."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, SuspiciousOperation, ValidationError
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from ratings.admin.on_record import refuse
from ratings.admin.pages import admin_page
from ratings.admin.paging import CappedPaginator
from ratings.admin.scope import sees_whole_city, visible
from ratings.services.errors import Refused


def _name(offered: Any) -> str:
    """What a filter of a list is called in its address: a field, or its own name."""
    if isinstance(offered, tuple):
        return str(offered[0])
    return offered if isinstance(offered, str) else str(offered.parameter_name)


class GuardedAdmin(ModelAdmin):
    """Its address asks for nothing that its page does not offer, and for nothing that the database cannot take."""

    #: lookups that other pages link to, beside those of the filters
    linked_by: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Raises SuspiciousOperation for a NUL character in the address: no text in PostgreSQL holds one."""
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            raise SuspiciousOperation("NUL in a parameter")
        return super().get_queryset(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Django lets any field be asked about through the address, and so be guessed letter by letter, shown or not;
        here only what the list's filters offer this user and ``linked_by``."""
        if lookup in self.linked_by:
            return True
        name = lookup.partition("__")[0]
        if name != "pk":
            try:
                self.opts.get_field(name)
            except FieldDoesNotExist:  # a filter's own parameter, or nothing
                return super().lookup_allowed(lookup, value, request)
        offered = map(_name, self.get_list_filter(request))
        return name in offered and super().lookup_allowed(lookup, value, request)


class ScopedAdmin(GuardedAdmin):
    """Shows what the user's scope allows and deletes nothing.

    Who may see a page: active staff with the model's view permission, and of its rows only
    those that :func:`ratings.admin.scope.visible` leaves. All else is a 403 or a 404.
    """

    actions = None
    paginator = CappedPaginator
    show_full_result_count = False
    #: counting per filter choice would scan whole tables
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True
    #: extra context for the page of one row, drawn after its fields
    change_form_after_template: str | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return visible(request, super().get_queryset(request))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404("没有这条记录，或者它不在您的管辖范围内。")

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """Only rows that the user may see can be chosen."""
        kwargs.setdefault("queryset", visible(request, db_field.remote_field.model._default_manager.all()))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", visible(request, db_field.remote_field.model._default_manager.all()))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what a service refuses while saving comes back as a message."""
        context = {"show_save_and_add_another": object_id is None, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except (Refused, ValidationError) as refused:
            texts = refused.messages if isinstance(refused, ValidationError) else [str(refused)]
            for text in texts:
                refuse(request, f"未保存：{text}")
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj") or context.get("original")
        if obj is not None:
            context.update(self.page_context(request, obj))
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What ``change_form_after_template`` draws for this row."""
        return {}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What was done to a row stands in the audit record, not in Django's log."""
        raise Http404

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The service has put the act on record."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The service has put the act on record."""

    def own_paths(self, *paths: tuple[str, Callable[..., HttpResponseBase], str]) -> list[URLPattern]:
        """Pages of this admin beside Django's own: (path, view, name), for signed-in staff."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(route, self.admin_site.admin_view(view), name=f"{prefix}_{name}")
            for route, view, name in paths
        ]

    def visible_or_404(self, request: HttpRequest, object_id: object) -> Any:
        """The row with this key. 403 without the view permission, 404 outside the scope."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise Http404("没有这条记录，或者它不在您的管辖范围内。")
        return obj

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """A page of its own inside the admin's frame."""
        list_url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        whole = {"opts": self.opts, "list_url": list_url, **context}
        return admin_page(self.admin_site, request, template, title, **whole)


class ReadOnlyAdmin(ScopedAdmin):
    """For what is computed or kept by the system: seen, never written by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CityAdmin(ReadOnlyAdmin):
    """For what belongs to no district: only those who work for the whole city see it, with the permission."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and sees_whole_city(request)

    def may(self, request: HttpRequest, codename: str) -> bool:
        """Whether the user sees this and has another permission of the same app."""
        return self.has_view_permission(request) and request.user.has_perm(
            f"{self.opts.app_label}.{codename}"
        )


def same_row(target: Model, saved: Model) -> None:
    """Make the form's unsaved instance stand for the row that a service has saved."""
    target.__dict__.update({key: value for key, value in saved.__dict__.items() if key != "_state"})
    target._state.adding = False
    target._state.db = saved._state.db

"""Who works for which department (部门人员)."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from unfold.decorators import display

from applications.clients.models import Organisation
from applications.enterprise_credit import people
from applications.enterprise_credit.admin.scoping import DepartmentFilter
from applications.enterprise_credit.models import Membership
from applications.enterprise_credit.roles import OFFICER, SUPPLIER
from ratings.admin import asking, show
from ratings.admin.base import CityAdmin
from ratings.published import districts
from ratings.services.audit import Actor

_DEPARTMENTS = Organisation.objects.filter(kind=Organisation.Kind.DEPARTMENT).order_by("name")


class PlaceForm(forms.Form):
    """Where a member works."""

    department = asking.row("部门", _DEPARTMENTS)
    districts = forms.TypedMultipleChoiceField(
        label="所在区县",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="一个也不选＝全市；查询所在区县以外的企业会标记，不会拦截",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["districts"].choices = list(districts().items())


class UserChoice(forms.ModelChoiceField):
    """Members of staff who work for no department yet, with what they may do."""

    def label_from_instance(self, obj: User) -> str:
        groups = "、".join(group.name for group in obj.groups.all()) or "未授用户组"
        return f"{obj.get_username()}　{obj.first_name}（{groups}）"


class NewForm(PlaceForm):
    """Somebody new."""

    user = UserChoice(
        label="用户",
        queryset=User.objects.filter(is_active=True, is_staff=True, department=None)
        .prefetch_related("groups")
        .order_by("username"),
        empty_label="请选择",
        widget=forms.Select(attrs={"class": "cs-input"}),
        error_messages={"required": "请选择用户。"},
        help_text=f"先由系统管理员在“用户”中新建，勾选“工作人员状态”，并授予{OFFICER}或{SUPPLIER}",
    )
    field_order = ("user", "department", "districts")


class ChangeForm(PlaceForm):
    """Another place, and why."""

    reason = asking.reason()


class EndForm(forms.Form):
    """The end of it, and why."""

    reason = asking.reason()


@admin.register(Membership)
class MembershipAdmin(CityAdmin):
    """Who may see: the view permission, for the whole city; register: add; change and end: change."""

    menu_order, menu_icon = 80, "badge"
    list_display = ("user_name", "full_name", "department", "groups", "state")
    list_select_related = ("user", "department")
    list_filter = (DepartmentFilter,)
    search_fields = ("user__username", "user__first_name", "department__name")
    search_help_text = "用户名、姓名或部门"
    sortable_by = ()
    ordering = ("department__name", "user__username")

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("<int:pk>/place/", self.place_view, "place"), ("<int:pk>/end/", self.end_view, "end")
        )
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_membership")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("user__groups")

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Names of districts are read once for all rows."""
        names: Any = SimpleLazyObject(districts)

        @display(description="所在区县")
        def shown_districts(row: Membership) -> str:
            return _districts(row, names)

        return (*self.list_display, shown_districts)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied

        def do(values: dict[str, Any]) -> tuple[str, str]:
            made = people.register_member(
                values["user"], values["department"], values["districts"], by=Actor.of(request)
            )
            return show.change_url(made), f"已登记：{made}。"

        back = reverse("admin:enterprise_credit_membership_changelist")
        return asking.ask(self, request, "登记部门人员", NewForm, do, back=back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Where somebody works, and what may be done about it."""
        row: Membership = self.visible_or_404(request, object_id)
        wanted = (("变更", "place"), ("结束", "end"))
        acts = [
            (title, reverse(f"admin:enterprise_credit_membership_{name}", args=(row.pk,)))
            for title, name in wanted
            if self.may(request, "change_membership")
        ]
        return self.page(
            request, "enterprise_credit/admin/member.html", str(row), facts=self._facts(row), buttons=acts
        )

    def place_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Another department, or other districts."""
        row = self._changeable(request, pk)

        def do(values: dict[str, Any]) -> tuple[str, str]:
            changed = people.change_member(
                row, values["department"], values["districts"], by=Actor.of(request), reason=values["reason"]
            )
            return show.change_url(changed), f"已变更：{changed}。"

        initial = {"department": row.department_id, "districts": row.districts}
        back = show.change_url(row)
        return asking.ask(
            self,
            request,
            "变更部门人员",
            ChangeForm,
            do,
            back=back,
            initial=initial,
            summary=self._facts(row),
        )

    def end_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Works for the department no more."""
        row = self._changeable(request, pk)

        def do(values: dict[str, Any]) -> tuple[str, str]:
            people.end_member(row, by=Actor.of(request), reason=values["reason"])
            return reverse("admin:enterprise_credit_membership_changelist"), f"已结束：{row}。"

        note = "结束后不能再查询和填报；其查询记录和办理记录照旧保存。账号本身由系统管理员在“用户”中停用。"
        return asking.ask(
            self,
            request,
            "结束部门人员",
            EndForm,
            do,
            back=show.change_url(row),
            note=note,
            danger=True,
            summary=self._facts(row),
        )

    def _changeable(self, request: HttpRequest, pk: int) -> Membership:
        row: Membership = self.visible_or_404(request, pk)
        if not self.may(request, "change_membership"):
            raise PermissionDenied
        return row

    def _facts(self, row: Membership) -> list[tuple[str, Any]]:
        return [
            ("用户", row.user.get_username()),
            ("姓名", row.user.first_name or "—"),
            ("部门", row.department.name),
            ("所在区县", _districts(row, districts())),
            ("用户组", self.groups(row)),
            ("账号", self.state(row)),
        ]

    @display(description="用户名")
    def user_name(self, row: Membership) -> str:
        return str(row.user.get_username())

    @display(description="姓名")
    def full_name(self, row: Membership) -> str:
        return row.user.first_name or "—"

    @display(description="用户组")
    def groups(self, row: Membership) -> str:
        return "、".join(group.name for group in row.user.groups.all()) or "未授用户组，不能查询和填报"

    @display(description="账号")
    def state(self, row: Membership) -> str:
        return "启用" if row.user.is_active and row.user.is_staff else "已停用"


def _districts(row: Membership, names: Mapping[int, str]) -> str:
    return "、".join(names.get(code, str(code)) for code in row.districts) or "全市"

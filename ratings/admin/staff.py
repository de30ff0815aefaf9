"""Users, groups and their scopes. For superusers only: who grants rights has them all."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import StackedInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ratings.admin.base import GuardedAdmin
from ratings.admin.permissions import PermissionChoice, in_words, is_shipped, offered
from ratings.admin.user_actions import SignInActions
from ratings.models import District, StaffScope
from ratings.services.audit import SYSTEM, Actor, record

_UNTOLD = {"password", "last_login"}


class SuperuserAdmin(GuardedAdmin):
    """Seen and changed by superusers; nothing is deleted (users are made inactive)."""

    actions = None
    list_fullwidth = True

    def _allowed(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._allowed(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._allowed(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._allowed(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404("没有这条记录。")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the form and its inlines are saved, what changed goes on record."""
        super().save_related(request, form, formsets, change)
        fields = [name for name in form.changed_data if name not in _UNTOLD]
        scopes = [formset.instance for formset in formsets if formset.has_changed()]
        if scopes:
            fields.append("管辖范围")
        record(
            "修改人员权限" if change else "新增人员权限",
            form.instance,
            by=Actor.of(request),
            name=str(form.instance),
            fields=fields,
            after=_rights(form.instance),
        )

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The act stands in the audit record."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The act stands in the audit record."""


def _rights(instance: Model) -> dict[str, Any]:
    """What a user or group may do, for the record."""
    if isinstance(instance, User):
        scope = StaffScope.objects.filter(user=instance).first()
        return {
            "active": instance.is_active,
            "staff": instance.is_staff,
            "superuser": instance.is_superuser,
            "groups": sorted(instance.groups.values_list("name", flat=True)),
            "permissions": sorted(instance.user_permissions.values_list("codename", flat=True)),
            "whole_city": bool(scope and scope.whole_city),
            "districts": sorted(scope.districts.values_list("code", flat=True)) if scope else [],
        }
    if isinstance(instance, Group):
        return {"permissions": sorted(instance.permissions.values_list("codename", flat=True))}
    if isinstance(instance, StaffScope):
        return _rights(instance.user)
    return {}


class ScopeInline(StackedInline):
    """The user's scope, on the user's page."""

    model = StaffScope
    can_delete = False
    extra = 0
    min_num = 1
    max_num = 1
    verbose_name = verbose_name_plural = "管辖范围"

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)


admin.site.unregister(User)
admin.site.unregister(Group)


class NewUserForm(UserCreationForm):
    """A new user, who cannot be taken for the system itself in the records."""

    def clean_username(self) -> str:
        name: str = super().clean_username()
        if name == SYSTEM.name:
            raise ValidationError(f"“{name}”在操作记录中指系统自身，请另取用户名。")
        return name


@admin.register(User)
class UserAdmin(DjangoUserAdmin, SignInActions, SuperuserAdmin):  # type: ignore[misc]
    """Users with their scope and how they sign in."""

    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "full_name",
        "roles_shown",
        "scope_shown",
        "second_factor",
        "is_active",
        "is_staff",
        "is_superuser",
    )
    list_filter = ()
    search_help_text = "用户名、姓名或邮箱"
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    inlines = (ScopeInline,)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("个人信息", {"fields": ("first_name", "email")}),
        ("权限", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("登录", {"fields": ("second_factor", "locks", "last_login", "date_joined")}),
    )
    readonly_fields = ("second_factor", "locks", "last_login", "date_joined")
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> tuple[type, ...]:
        return (ScopeInline,) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """A name stays: it is what the records of acts and the rule of two persons know people by."""
        return (*self.readonly_fields, "username") if obj else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return (
            super()
            .get_queryset(request)
            .annotate(two_factor=Exists(devices))
            .select_related("scope")
            .prefetch_related("scope__districts", "groups")
        )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Sets a new password for somebody; that it was set goes on record, not the password."""
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
            if request.method == "POST" and answer.status_code == 302:
                record("重设密码", self.get_object(request, id), by=Actor.of(request))
        return answer

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A Chinese name is one field."""
        if db_field.name == "first_name":
            kwargs["label"] = "姓名"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description="姓名")
    def full_name(self, row: User) -> str:
        return f"{row.last_name}{row.first_name}" or "—"

    @display(description="用户组")
    def roles_shown(self, row: User) -> str:
        return "、".join(group.name for group in row.groups.all()) or "—"

    @display(description="管辖范围")
    def scope_shown(self, row: User) -> str:
        if row.is_superuser:
            return "全市（超级用户）"
        scope: StaffScope | None = getattr(row, "scope", None)
        if scope is None:
            return "无"
        return scope_text(scope)


def scope_text(scope: StaffScope) -> str:
    """A scope in words; prefetch ``districts``."""
    if scope.whole_city:
        return "全市"
    return "、".join(district.name for district in scope.districts.all()) or "无"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, SuperuserAdmin):  # type: ignore[misc]
    """Groups of permissions. The shipped ones are seen only: migrations set them to their role."""

    list_display = ("name", "origin")
    filter_horizontal = ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not is_shipped(getattr(obj, "name", ""))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or not is_shipped(obj.name):
            return super().get_fieldsets(request, obj)
        note = "随系统提供，升级时重置；要改请另建用户组。"
        return ((None, {"fields": ("name", "granted"), "description": note}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("granted",) if obj is not None else ()

    @display(description="来源")
    def origin(self, row: Group) -> str:
        return "随系统提供" if is_shipped(row.name) else "自建"

    @display(description="权限")
    def granted(self, row: Group) -> SafeString:
        lines = [(line,) for line in in_words(offered().filter(group=row))]
        return format_html_join("", "<div>{}</div>", lines)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Boxes to tick, of the permissions that open something."""
        return PermissionChoice(
            offered(), label="权限", required=False, help_text="看到哪些区县的数据由各用户的管辖范围决定"
        )


@admin.register(StaffScope)
class StaffScopeAdmin(SuperuserAdmin):
    """All scopes at a glance; each is also on its user's page."""

    list_display = ("user", "districts_shown")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "用户名"
    autocomplete_fields = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("districts")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("user",) if obj else ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        kwargs["queryset"] = District.objects.all()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @display(description="管辖范围")
    def districts_shown(self, row: StaffScope) -> str:
        return scope_text(row)

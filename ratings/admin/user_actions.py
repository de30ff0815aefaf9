"""What superusers do for a colleague who cannot sign in: lift a lock, remove a lost second factor."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from ratings.admin import show
from ratings.admin.on_record import refuse
from ratings.admin.pages import admin_page
from ratings.services import two_factor
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.sign_in import locks_of, unlock


class SignInActions(ModelAdmin):
    """Buttons on a user's page, each with its own page that asks for the reason."""

    actions_detail = ("reset_two_factor", "unlock")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Each only where there is something to do."""
        user: Any = self.get_object(request, str(object_id))
        if user is None:
            return []
        useful = {
            "reset_two_factor": two_factor.has_device(user) and user != request.user,
            "unlock": bool(locks_of(user.get_username())),
        }
        offered = super().get_actions_detail(request, object_id)
        return [entry for entry in offered if any(useful[name] for name in useful if _is(entry, name))]

    @action(
        description="重置两步验证",
        url_path="reset-two-factor",
        permissions=["change"],
        icon="phonelink_erase",
    )
    def reset_two_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(
            request,
            object_id,
            two_factor.reset,
            title="重置两步验证",
            warning="重置以后，该用户的验证器和恢复码全部作废。请先当面或电话核实确是本人。",
            done="已重置。该用户下次登录只需密码，并应尽快重新启用两步验证。",
        )

    @action(description="解除登录锁定", url_path="unlock", permissions=["change"], icon="lock_open")
    def unlock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(
            request,
            object_id,
            unlock,
            title="解除登录锁定",
            warning="该用户连续登录失败而被锁定。请先核实确是本人，而不是他人在试探密码。",
            done="已解除登录锁定。",
        )

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        act: Callable[..., None],
        *,
        title: str,
        warning: str,
        done: str,
    ) -> HttpResponse:
        """Asks for the reason (GET) and acts (POST)."""
        user: Any = self.get_object(request, str(object_id))
        if user is None:
            raise Http404("没有这条记录。")
        back = show.change_url(user)
        if request.method == "POST":
            try:
                act(user, reason=request.POST.get("reason", ""), by=Actor.of(request))
                messages.success(request, done)
            except Refused as refused:
                refuse(request, refused)
            return HttpResponseRedirect(back)
        return admin_page(
            self.admin_site,
            request,
            "ratings/admin/reason.html",
            f"{title}：{user}",
            opts=self.opts,
            button=title,
            warning=warning,
            back=back,
        )

    @display(description="两步验证")
    def second_factor(self, row: User) -> SafeString:
        on = row.two_factor if hasattr(row, "two_factor") else two_factor.has_device(row)
        return show.badge("good", "已启用") if on else show.badge("plain", "未启用")

    @display(description="登录锁定")
    def locks(self, row: User) -> str:
        found = locks_of(row.get_username())
        return (
            "；".join(f"{lock.address or '未知地址'} 至 {show.moment(lock.until)}" for lock in found) or "无"
        )


def _is(entry: Any, name: str) -> bool:
    """Whether unfold's entry of a detail action is the one of that method."""
    return str(entry.action_name).endswith(name)

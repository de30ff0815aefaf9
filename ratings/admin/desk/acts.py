"""Acts: what people do to a row of the desk. A button, a page that asks, a service that does it.

An act that is not possible now says why; an act that is another's says whose. All acts are
POSTs; what a service refuses stands over the form, and what was typed stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.on_record import note_refusal
from ratings.rules.moves import HOLDERS
from ratings.services.audit import Actor
from ratings.services.errors import Refused

#: Which role holds a permission, for those who do not.
WHO: Final = {
    **HOLDERS,
    "add_adjustment": "审核员",
    "decide_adjustment": "审批员",
    "add_noticelink": "经办员",
}


@dataclass(frozen=True)
class Act:
    """One thing that can be done to a row."""

    #: in the address
    name: str
    #: on the button
    title: str
    #: codename in app ratings
    permission: str
    #: (row, cleaned values, by) -> what is said afterwards
    do: Callable[[Any, dict[str, Any], Actor], str]
    #: (request, row) -> the form class; None asks for nothing but the press of the button
    form: Callable[[HttpRequest, Any], type[forms.Form]] | None = None
    #: what the act means, said above the form
    note: str = ""
    danger: bool = False
    #: not what moves the matter on: drawn without stress
    minor: bool = False
    #: other permissions that do as well
    also: tuple[str, ...] = ()
    #: (row, by) -> why it is not possible now; empty = possible
    faults: Callable[[Any, Actor], Sequence[str]] = field(default=lambda row, by: ())


def refusal_texts(request: HttpRequest, refused: Refused | ValidationError) -> list[str]:
    """What a service said, to stand over the form; the refused act is noted for the record."""
    texts = refused.messages if isinstance(refused, ValidationError) else [str(refused)]
    for text in texts:
        note_refusal(request, text)
    return texts


class DeskAdmin(ReadOnlyAdmin):
    """Rows that are changed by acts only.

    Who may see: the view permission, rows of the own districts. Who may act: see each act.
    """

    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(("<int:pk>/act/<str:name>/", self.act_view, "act"))
        return own + super().get_urls()

    def may(self, request: HttpRequest, row: Any, act: Act) -> bool:
        """Whether the user may do this to this row."""
        return any(request.user.has_perm(f"ratings.{name}") for name in (act.permission, *act.also))

    def acts_of(self, request: HttpRequest, row: Any) -> Sequence[Act]:
        """The acts that the row's state allows, whoever looks."""
        return ()

    def summary(self, row: Any) -> list[tuple[str, Any]]:
        """What the page of an act says of the row: (label, value)."""
        return []

    def act_url(self, row: Model, name: str) -> str:
        """Where the act's page is."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_act", args=(row.pk, name))

    def shown_acts(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """What ``ratings/admin/desk/acts.html`` draws."""
        by = Actor.of(request)
        shown = []
        for act in self.acts_of(request, row):
            may = self.may(request, row, act)
            shown.append(
                {
                    "title": act.title,
                    "url": self.act_url(row, act.name),
                    "may": may,
                    "who": WHO.get(act.permission, ""),
                    "faults": act.faults(row, by) if may else (),
                    "style": "cs-danger-line" if act.danger else "" if act.minor else "cs-primary",
                }
            )
        return shown

    def act_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Asks (GET) and does (POST). 404 where the state does not allow it, 403 without the right."""
        row = self.visible_or_404(request, pk)
        act = next((each for each in self.acts_of(request, row) if each.name == name), None)
        if act is None:
            return self._too_late(request, row)
        if not self.may(request, row, act):
            raise PermissionDenied(f"“{act.title}”由{WHO.get(act.permission, '有权限的人员')}办理。")
        asks = act.form(request, row) if act.form else forms.Form
        posted = request.method == "POST"
        form = asks(request.POST, request.FILES) if posted else asks()
        faults = list(act.faults(row, Actor.of(request)))
        for fault in faults:
            note_refusal(request, fault)
        if posted and not faults and form.is_valid():
            try:
                said = act.do(row, form.cleaned_data, Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, said)
                return HttpResponseRedirect(show.change_url(row))
        return self.page(
            request,
            "ratings/admin/desk/act.html",
            act.title,
            note=act.note,
            button=act.title,
            danger=act.danger,
            form=form,
            faults=faults,
            summary=self.summary(row),
            back=show.change_url(row),
        )

    def _too_late(self, request: HttpRequest, row: Model) -> HttpResponse:
        """Somebody else was faster, or the address is wrong."""
        if request.method == "POST":
            messages.warning(request, "没有办理：状态已经改变，可能已由他人办理。请看本页的最新情况。")
            return HttpResponseRedirect(show.change_url(row))
        raise Http404("现在没有这项办理。")

"""What the pages of figures share: who may see them, of which districts, downloads, and the record of looks."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import wraps
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from ratings.admin import show
from ratings.admin.insight.sheets import Sheet, attached, file_named
from ratings.admin.pages import admin_page
from ratings.admin.scope import Districts, districts_of
from ratings.models import District
from ratings.rules.periods import add_months
from ratings.services.audit import Actor, record
from ratings.services.roles import INSPECTOR

View = Callable[[HttpRequest], HttpResponse]
#: What an inspector's look is called in the record; see :func:`noted`.
LOOKED: Final = "查阅统计监督数据"


def needs(*codenames: str) -> Callable[[View], View]:
    """Lets signed-in staff in who have each of these permissions of app ``ratings``; others get a 403."""

    def guarded(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest) -> HttpResponse:
            if not all(request.user.has_perm(f"ratings.{name}") for name in codenames):
                raise PermissionDenied
            return view(request)

        found: View = admin.site.admin_view(checked)
        found.needs = codenames  # type: ignore[attr-defined]
        return found

    return guarded


class DistrictForm(forms.Form):
    """Of which district; those that the user works for are offered, nothing chosen means all of them."""

    district = forms.TypedChoiceField(
        label="区县", required=False, coerce=int, empty_value=None,
        widget=forms.Select(attrs={"class": "cs-input"}),
    )  # fmt: skip

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(data=request.GET.dict(), **kwargs)
        self.scope: Districts = districts_of(request.user)
        rows = District.objects.order_by("code")
        if self.scope is not None:
            rows = rows.filter(code__in=self.scope)
        #: code to name of those that may be seen
        self.names: dict[int, str] = dict(rows.values_list("code", "name"))
        everything = "全市" if self.scope is None else "管辖的全部区县"
        chosen: Any = self.fields["district"]
        chosen.choices = [("", everything), *self.names.items()]

    @property
    def districts(self) -> Districts:
        """What the figures are to be of: never more than the user's own districts."""
        chosen = self.cleaned_data.get("district")
        return self.scope if chosen is None else frozenset({chosen})

    @property
    def place(self) -> str:
        """The districts in words."""
        chosen = self.cleaned_data.get("district")
        if chosen is not None:
            return self.names[chosen]
        return "全市" if self.scope is None else "、".join(self.names.values())

    def asked(self) -> dict[str, str]:
        """What was chosen, for the record and for further addresses."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value not in (None, "")}


def day_field(label: str, **options: Any) -> forms.DateField:
    """A day, chosen from a calendar."""
    widget = forms.DateInput(attrs={"type": "date", "class": "cs-input"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, **options)


def choice_field(label: str) -> forms.ChoiceField:
    """One of several; its choices are set by the form."""
    return forms.ChoiceField(label=label, required=False, widget=forms.Select(attrs={"class": "cs-input"}))


class SpanForm(DistrictForm):
    """In which days; the last twelve months unless others are chosen."""

    start = day_field("自")
    until = day_field("至")
    field_order = ("start", "until", "district")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        today = timezone.localdate()
        given = {"start": add_months(today, -12).isoformat(), "until": today.isoformat()}
        self.data = {**given, **{name: value for name, value in self.data.items() if value}}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, until = cleaned.get("start"), cleaned.get("until")
        if start and until and not date(2000, 1, 1) <= start <= until <= date(2100, 1, 1):
            raise forms.ValidationError("起止日期须在 2000 年至 2100 年之间，且截止日期不早于起始日期。")
        return cleaned

    @property
    def span(self) -> tuple[date, date]:
        return self.cleaned_data["start"], self.cleaned_data["until"]

    @property
    def span_text(self) -> str:
        start, until = self.span
        return f"{show.day(start)}至{show.day(until)}"


def nothing(request: HttpRequest, title: str, form: DistrictForm, words: str) -> HttpResponse:
    """The page where there is nothing to show: why, in words."""
    return answer(request, title, form, (), empty=words)


def answer(
    request: HttpRequest,
    title: str,
    form: DistrictForm,
    sheets: Sequence[Sheet],
    *,
    facts: Sequence[tuple[str, Any]] = (),
    intro: str = "",
    empty: str = "",
    note_always: bool = False,
    template: str = "ratings/admin/insight/page.html",
    **context: Any,
) -> HttpResponse:
    """The page, or with ``?file=<sheet>.<format>`` one of its tables, or with ``all.xlsx`` all of them.

    Looks are put on record as :func:`noted` says, downloads always.
    """
    if not form.is_valid():
        if "file" in request.GET:
            return HttpResponse("筛选条件不对。", status=400, content_type="text/plain; charset=utf-8")
        return _page(request, template, title, form=form)
    asked = form.asked()
    if wanted := request.GET.get("file"):
        return _file(request, title, wanted, sheets, asked, (("范围", form.place), *facts))
    if note_always or is_inspector(request):
        noted(request, title, asked)
    query = request.GET.copy()
    query.pop("file", None)
    return _page(
        request,
        template,
        title,
        form=form,
        sheets=sheets,
        facts=facts,
        intro=intro,
        place=form.place,
        empty=empty,
        today=timezone.localdate(),
        query=f"{query.urlencode()}&" if query else "",
        **context,
    )


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    return admin_page(admin.site, request, template, title, **context)


def _file(
    request: HttpRequest,
    title: str,
    wanted: str,
    sheets: Sequence[Sheet],
    asked: dict[str, str],
    facts: Sequence[tuple[str, Any]],
) -> HttpResponse:
    heading = (("内容", title), ("制表", request.user.get_username()), ("时间", timezone.now()))
    file = file_named(wanted, sheets, (*heading, *facts))
    if file is None:
        raise Http404("没有这张表，或没有这种格式。")
    format_ = wanted.rpartition(".")[2]
    named, told = title, title
    if file.sheet is not None:
        named, told = file.sheet.title, f"{title}：{file.sheet.title}"
    record("导出", told, by=Actor.of(request), format=format_.upper(), rows=file.rows, filters=asked)
    return attached(file.data, file.kind, named, format_)


def is_inspector(request: HttpRequest) -> bool:
    """Whether the user watches over others: such looks are put on record themselves."""
    return request.user.groups.filter(name=INSPECTOR).exists()


def noted(request: HttpRequest, title: str, asked: dict[str, str]) -> None:
    """Put on record who looked at which figures, and how they were filtered."""
    record(LOOKED, title, by=Actor.of(request), filters=asked)

"""Pages that ask before a service acts: fields in the admin's look, and what was refused over the form."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from ratings.admin.base import ScopedAdmin
from ratings.admin.on_record import note_refusal
from ratings.services.errors import Refused, RefusedRows

_INPUT: Final = {"class": "cs-input"}
#: So many wrong rows of a file are listed.
_SHOWN: Final = 200


def line(label: str, *, most: int, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        widget=forms.TextInput(attrs=_INPUT),
        error_messages={"required": f"请填写{label}。"},
        **options,
    )


def reason(label: str = "理由", help_text: str = "写明依据；记入操作记录") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=500,
        help_text=f"{help_text}，最多 500 字。",
        widget=forms.Textarea(attrs={**_INPUT, "rows": 3}),
        error_messages={"required": f"请填写{label}。"},
    )


def day(label: str, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={**_INPUT, "type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": f"请填写{label}。", "invalid": "日期写法不对，应如 2026-01-31。"},
        **options,
    )


def whole(label: str, least: int, most: int, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        widget=forms.NumberInput(attrs=_INPUT),
        error_messages={"required": f"请填写{label}。"},
        **options,
    )


def choice(label: str, **options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        widget=forms.Select(attrs=_INPUT),
        error_messages={
            "required": f"请选择{label}。",
            "invalid_choice": f"没有“%(value)s”这一项，请重新选择{label}。",
        },
        **options,
    )


def row(label: str, queryset: Any, **options: Any) -> Any:
    return forms.ModelChoiceField(
        label=label,
        queryset=queryset,
        empty_label="请选择",
        widget=forms.Select(attrs=_INPUT),
        error_messages={"required": f"请选择{label}。"},
        **options,
    )


def document(label: str) -> forms.FileField:
    return forms.FileField(
        label=label,
        help_text=f"PDF、JPEG 或 PNG，不超过 {settings.EVIDENCE_MAX_MB} MB；按内容核验。",
        widget=forms.FileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
        error_messages={"required": f"请选择{label}。", "empty": "文件是空的。"},
    )


class Yuan(forms.DecimalField):
    """An amount typed in yuan; the value is in fen."""

    def __init__(self, label: str, least: Decimal | None = Decimal("0.01"), **options: Any) -> None:
        super().__init__(
            label=label,
            min_value=least,
            max_digits=15,
            decimal_places=2,
            widget=forms.NumberInput(attrs={**_INPUT, "step": "0.01"}),
            error_messages={
                "required": f"请填写{label}。",
                "invalid": "金额写法不对，应如 1234.56。",
                "max_decimal_places": "金额最多精确到分（元后两位小数）。",
            },
            **options,
        )

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return found if found is None else int(found.scaleb(2))

    def prepare_value(self, value: Any) -> Any:
        """A stored amount is a whole number of fen; what was typed comes back as typed."""
        if not isinstance(value, int):
            return value
        yuan, fen = divmod(abs(value), 100)
        sign = "-" if value < 0 else ""
        return f"{sign}{yuan}.{fen:02d}" if fen else f"{sign}{yuan}"


class SpanForm(forms.Form):
    """From which day to which, both included."""

    start = day("自")
    until = day("至")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, until = cleaned.get("start"), cleaned.get("until")
        if start and until and start > until:
            self.add_error("until", "截止日期不得早于起始日期。")
        for name, value in (("start", start), ("until", until)):
            if value and not date(2000, 1, 1) <= value <= date(2100, 1, 1):
                self.add_error(name, "日期须在 2000 年至 2100 年之间。")
        return cleaned


def ask(
    admin: ScopedAdmin,
    request: HttpRequest,
    title: str,
    form: type[forms.Form],
    do: Callable[[dict[str, Any]], tuple[str, str] | HttpResponse],
    *,
    back: str,
    initial: dict[str, Any] | None = None,
    **context: Any,
) -> HttpResponse:
    """The form (GET); ``do`` with its cleaned values (POST), which gives where to go and what to say, or a page.

    What a service refuses stands over the form, and on record; what was typed stays. ``context`` is for
    ``ratings/admin/desk/act.html``: note, danger, summary.
    """
    posted = request.method == "POST"
    bound = form(request.POST, request.FILES) if posted else form(initial=initial)
    faults: list[str] = []
    if posted and bound.is_valid():
        try:
            done = do(bound.cleaned_data)
        except (Refused, ValidationError) as refused:
            faults = _texts(refused)
            note_refusal(request, faults[0])
        else:
            if isinstance(done, HttpResponse):
                return done
            where, said = done
            messages.success(request, said)
            return HttpResponseRedirect(where)
    return admin.page(
        request,
        "ratings/admin/desk/act.html",
        title,
        **{"button": title, "form": bound, "faults": faults, "back": back, **context},
    )


def _texts(refused: Refused | ValidationError) -> list[str]:
    if isinstance(refused, ValidationError):
        return list(refused.messages)
    rows: Sequence[tuple[int, str]] = refused.faults if isinstance(refused, RefusedRows) else ()
    more = [f"另有 {len(rows) - _SHOWN} 处未列出。"] if len(rows) > _SHOWN else []
    return [str(refused), *(f"第 {number} 行：{text}" for number, text in rows[:_SHOWN]), *more]


def last_day_hint(today: date) -> str:
    """What the second date of a span means."""
    return f"自这一天起不再有效，如 {today.year + 1}-{today.month:02d}-01；不填＝至撤回或另行修改"

"""The form that starts a rating run."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Min, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ratings.admin.on_record import note_refusal
from ratings.admin.scope import sees_whole_city, visible
from ratings.admin.show import day
from ratings.models import District, FundPayment, Pharmacy, SchemeVersion, Violation
from ratings.rules import Signals
from ratings.rules.columns import MISSING
from ratings.rules.periods import Period, add_months
from ratings.services.errors import Refused
from ratings.services.runs import check_run, default_cutoff

RULE, NOW, GIVEN = "rule", "now", "given"
_LENGTHS = (("年", 12), ("半年", 6), ("季度", 3), ("月", 1))
#: No period is written with an earlier year.
_FIRST = date(2000, 1, 1)


def earliest_fact(request: HttpRequest) -> date:
    """Since when the user's pharmacies have payments, else violations; else two years ago.

    Payments are asked pharmacy by pharmacy: their index begins with it, and none with the month.
    """
    payments = FundPayment.objects.filter(pharmacy=OuterRef("pk"), voided_at=None).order_by("month")
    shops = visible(request, Pharmacy.objects.order_by())
    first: date | None = shops.annotate(first_paid=Subquery(payments.values("month")[:1])).aggregate(
        first=Min("first_paid")
    )["first"]
    if first is None:
        violations = visible(request, Violation.objects.filter(voided_at=None))
        first = violations.order_by("decided_on").values_list("decided_on", flat=True).first()
    return first or add_months(timezone.localdate(), -24)


def ended_periods(since: date, today: date) -> list[tuple[str, list[Period]]]:
    """Periods that ended before ``today`` and on or after ``since``, by length, newest first."""
    floor = max(since, _FIRST)
    found: list[tuple[str, list[Period]]] = []
    for name, months in _LENGTHS:
        start = Period.ended_before(today, months).first
        periods: list[Period] = []
        while add_months(start, months) > floor:
            periods.append(Period.parse(_code(start, months)))
            start = add_months(start, -months)
        found.append((name, periods))
    return found


def _code(first: date, months: int) -> str:
    if months == 12:
        return f"{first.year}"
    if months == 6:
        return f"{first.year}H{first.month // 6 + 1}"
    if months == 3:
        return f"{first.year}Q{first.month // 3 + 1}"
    return f"{first.year}-{first.month:02d}"


class SchemeChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: SchemeVersion) -> str:
        return f"{obj}（{obj.key}，{day(obj.effective_on)}起施行）"


class RunForm(forms.Form):
    """Period, scheme version, cutoff and district; :meth:`clean` reckons the exact cutoff."""

    period = forms.ChoiceField(label="评价周期", widget=UnfoldAdminSelectWidget())
    scheme = SchemeChoice(
        label="评价规则",
        queryset=SchemeVersion.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget(),
        help_text="只列已启用的版本",
    )
    cutoff_kind = forms.ChoiceField(
        label="数据截止时间",
        choices=((RULE, "按规则规定"), (NOW, "此刻"), (GIVEN, "另行指定")),
        initial=RULE,
        widget=forms.RadioSelect(),
        help_text="此时间及以前记录、且未作废的事实计入评价",
    )
    cutoff = forms.DateTimeField(
        label="指定的截止时间",
        required=False,
        input_formats=["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d"],
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2026-01-31 18:00"}),
        help_text="仅在选择“另行指定”时填写",
    )
    district = forms.ModelChoiceField(
        label="范围", queryset=District.objects.none(), required=False, widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        latest = Period.ended_before(timezone.localdate(), settings.RATING_PERIOD_MONTHS)
        super().__init__(data, initial={"period": request.GET.get("period") or latest.code})
        self.request = request
        self.fields["period"].choices = [  # type: ignore[attr-defined]
            (length, [(period.code, f"{period.label}（{period.code}）") for period in periods])
            for length, periods in ended_periods(earliest_fact(request), timezone.localdate())
            if periods
        ]
        schemes: QuerySet[SchemeVersion] = visible(
            request, SchemeVersion.objects.filter(activated_at__isnull=False)
        )
        self.fields["scheme"].queryset = schemes  # type: ignore[attr-defined]
        default = schemes.filter(key=settings.DEFAULT_SCHEME).first()
        self.fields["scheme"].initial = default.pk if default else None
        field = self.fields["district"]
        field.queryset = visible(request, District.objects.all())  # type: ignore[attr-defined]
        whole_city = sees_whole_city(request)
        field.required = not whole_city
        field.empty_label = "全市" if whole_city else None  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        scheme, code = cleaned.get("scheme"), cleaned.get("period")
        if scheme is None or not code:
            return cleaned
        cleaned["period"] = period = Period.parse(code)
        kind = cleaned.get("cutoff_kind")
        try:
            if kind == GIVEN and not cleaned.get("cutoff"):
                if "cutoff" not in self.errors:
                    self.add_error("cutoff", "请填写截止时间，如 2026-01-31 18:00。")
                return cleaned
            cutoff: datetime = (
                default_cutoff(period, scheme)
                if kind == RULE
                else timezone.now()
                if kind == NOW
                else cleaned["cutoff"]
            )
            check_run(period, scheme, cutoff)
        except Refused as refused:
            self.add_error(None, str(refused))
            note_refusal(self.request, refused)
            return cleaned
        cleaned["cutoff"] = cutoff
        return cleaned


def missing_facts(signals: Signals) -> list[str]:
    """What whoever starts a run should know first: nobody to rate, no payments at all."""
    if not len(signals):
        return ["没有参评药店：截至数据截止时间，范围内没有登记在册、且到周期末日仍定点的药店。"]
    months = signals.period.months
    found = []
    for period, columns in (
        (signals.period, signals.payments[:, months:]),
        (signals.period.previous_year, signals.payments[:, :months]),
    ):
        if (columns == MISSING).all():
            found.append(f"所有参评药店在{period.label}都没有基金支付记录。")
    return [*found, "请核对月度基金支付是否已导入、数据截止时间是否早于导入时间。"] if found else []

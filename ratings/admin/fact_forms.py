"""Forms for a single new fact; amounts are typed in yuan."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from ratings.models import Fact
from ratings.models.facts import MAX_AMOUNT_FEN
from ratings.services.facts import refuse_taken_off


class FactForm(forms.ModelForm):
    """A new fact, checked whole (fields, key, constraints) before it goes to the service."""

    actor: str

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        model: type[Fact] = self._meta.model
        key = {name: cleaned.get(name) for name in model.KEY}
        live = model._default_manager.filter(voided_at=None, **key)
        if None not in key.values() and live.exists():
            labels = {field.name: str(field.verbose_name) for field in model._meta.fields}
            names = "、".join(labels[name] for name in model.KEY)
            raise ValidationError(f"已有一条{names}相同的有效记录。若原记录有误，请先作废再重新录入。")
        return cleaned

    def _post_clean(self) -> None:
        """Constraints that speak of who recorded the fact and when hold for the row to come."""
        self.instance.recorded_by = self.actor
        self.instance.recorded_at = timezone.now()
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.instance.validate_constraints()
            refuse_taken_off(self.instance)
        except ValidationError as error:
            self.add_error(None, ValidationError(error.messages))

    def values(self) -> dict[str, Any]:
        """The model's own fields, as ``record_fact`` takes them."""
        names = {field.name for field in self._meta.model._meta.fields}
        return {name: value for name, value in self.cleaned_data.items() if name in names}


class YuanField(forms.DecimalField):
    """An amount typed in yuan, kept in fen."""

    def __init__(self, *, least: int = 0, **kwargs: Any) -> None:
        limit = Decimal(MAX_AMOUNT_FEN) / 100
        super().__init__(
            max_digits=16,
            decimal_places=2,
            min_value=least * limit,
            max_value=limit,
            widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
            **kwargs,
        )

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        """Thousands separators are allowed."""
        return super().to_python(
            value.replace(",", "").replace("，", "") if isinstance(value, str) else value
        )


def fen(yuan: Decimal | None) -> int:
    """Yuan with at most two decimals as whole fen."""
    return int(((yuan or Decimal()) * 100).quantize(Decimal(1), ROUND_HALF_UP))


class ViolationForm(FactForm):
    amount_yuan = YuanField(label="涉及基金（元）", initial=0)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.instance.amount_fen = cleaned["amount_fen"] = fen(cleaned.get("amount_yuan"))
        return cleaned


class FundPaymentForm(FactForm):
    amount_yuan = YuanField(label="基金支付（元）", least=-1, help_text="冲正多于支付的月份填负数")

    def clean_month(self) -> Any:
        """Any day of the month stands for it."""
        return self.cleaned_data["month"].replace(day=1)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.instance.amount_fen = cleaned["amount_fen"] = fen(cleaned.get("amount_yuan"))
        return cleaned

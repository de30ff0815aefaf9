"""Forms about clients and secrets."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from applications.clients.models import Client, Organisation
from applications.clients.oauth import SCOPES, scopes_of
from applications.clients.services import LIFE, LONGEST_LIFE, checked_certificates, checked_networks
from ratings.services.errors import Refused

_PEM: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class ListField(forms.CharField):
    """Several values in one box, by what ``split`` does; checked by ``check``, which may raise Refused."""

    def __init__(
        self,
        *,
        split: Callable[[str], list[str]],
        check: Callable[[Iterable[str]], list[str]],
        rows: int = 3,
        **kwargs: Any,
    ) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(required=False, max_length=50_000, widget=widget, **kwargs)
        self._split = split
        self._check = check

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self._check(self._split(text))
        except Refused as refused:
            raise ValidationError(str(refused)) from None


def _networks(text: str) -> list[str]:
    return re.split(r"[\s,，;；、]+", text)


def _certificates(text: str) -> list[str]:
    return [*_PEM.findall(text), *_PEM.sub("\n", text).splitlines()]


def scope_choices(kinds: Iterable[str]) -> list[tuple[str, str]]:
    """The scopes that clients of these kinds of organisation may have."""
    return [(scope, f"{SCOPES[scope]}（{scope}）") for kind in kinds for scope in scopes_of(kind)]


class ClientForm(forms.ModelForm):
    """A client as people decide about it."""

    name = forms.CharField(
        label="名称",
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="说明是哪个系统，如：信贷核心系统（生产）、行政审批系统（生产）",
    )
    scopes = forms.MultipleChoiceField(
        label="权限范围",
        choices=lambda: scope_choices(Organisation.Kind.values),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    networks = ListField(
        label="限定来源网络",
        split=_networks,
        check=checked_networks,
        help_text="CIDR 写法，每行一个，如 203.0.113.0/24、2001:db8::/48；留空＝不限",
    )
    certificates = ListField(
        label="限定客户端证书",
        split=_certificates,
        check=checked_certificates,
        rows=5,
        help_text="SHA-256 指纹，每行一个；也可直接粘贴证书（PEM）；留空＝不要求证书",
    )

    class Meta:
        model = Client
        fields = ("organisation", "name", "scopes", "networks", "certificates", "is_active")
        help_texts = {"is_active": "停用后不能登录，已发出的令牌立即失效"}


class SecretForm(forms.Form):
    """Until when a new secret holds."""

    expires = forms.DateField(
        label="有效至", widget=forms.DateInput(attrs={"type": "date", "class": "cs-input"}, format="%Y-%m-%d")
    )

    def __init__(self, data: Any, *, today: date) -> None:
        super().__init__(data, initial={"expires": today + LIFE})
        field = self.fields["expires"]
        field.help_text = "含当日；一般为一年，最长两年"
        last = today + LONGEST_LIFE - timedelta(days=1)
        field.widget.attrs.update({"min": today.isoformat(), "max": last.isoformat()})
        field.validators.append(MaxValueValidator(last, "密钥最长两年：不晚于 %(limit_value)s。"))

    def moment(self) -> datetime:
        """The end of the chosen day."""
        day_after = self.cleaned_data["expires"] + timedelta(days=1)
        return datetime.combine(day_after, time.min, timezone.get_default_timezone())

"""The permissions that a group can be given: those that open something in this admin, in Chinese."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ratings.services.roles import ROLES

_REGISTRY: Final = {"view": "查看", "add": "新增", "change": "修改"}
_FACT: Final = {"view": "查看", "add": "录入", "change": "作废"}

#: Model names, in the order of the menu, to what each permission lets people do.
MEANINGS: Final[dict[str, dict[str, str]]] = {
    "pharmacy": _REGISTRY,
    "enterprise": _REGISTRY,
    "district": _REGISTRY,
    "violation": _FACT,
    "complaint": _FACT,
    "fundpayment": _FACT,
    "measurevalue": _FACT,
    "servicestatus": _FACT,
    "importbatch": {"view": "查看", "add": "上传并试算", "change": "确认入库或放弃"},
    "ratingrun": {"view": "查看", "add": "开始评价"},
    "rating": {"view": "查看"},
    "schemeversion": {"view": "查看", "add": "录入", "change": "启用"},
    "ratingperiod": {
        "view": "查看",
        "review": "开始审核、逐项确认、审定",
        "approve": "开始公示、退回、发布、归档、终止",
    },
    "reviewitem": {"view": "查看"},
    "adjustment": {"view": "查看", "add": "提出", "decide": "审批"},
    "objection": {"view": "查看", "add": "受理登记、代为撤回", "change": "办理并提出意见", "decide": "决定"},
    "creditrepair": {"view": "查看", "add": "登记申请", "change": "受理并提出意见", "decide": "决定"},
    "evidence": {"view": "查看"},
    "noticelink": {"view": "查看", "add": "发放"},
    "publication": {"view": "查看"},
    "publishedgrade": {"view": "查看"},
    "issueddocument": {"view": "查看、下载", "add": "签发"},
    "auditevent": {"view": "查看"},
}
#: (app label, codename) to model and meaning, in the order of the menu.
_OFFERED: dict[tuple[str, str], tuple[str, str]] = {}
_SHIPPED: set[str] = set(ROLES)


def offer(app_label: str, meanings: Mapping[str, Mapping[str, str]]) -> None:
    """Let groups be given permissions of one more app: model names to verbs to what they let people do.

    Called by an application's admin modules, once.
    """
    for model, verbs in meanings.items():
        for verb, meaning in verbs.items():
            _OFFERED[app_label, f"{verb}_{model}"] = (model, meaning)


offer("ratings", MEANINGS)


def ship(*groups: str) -> None:
    """Name groups that an application makes and keeps: seen in the admin, never changed by hand."""
    _SHIPPED.update(groups)


def is_shipped(group: str) -> bool:
    """Whether a group of this name comes with the system."""
    return group in _SHIPPED


def offered() -> QuerySet[Permission]:
    """Only these do something: nothing is deleted here, and computed rows are not edited."""
    any_of = Q()
    for label in {label for label, _ in _OFFERED}:
        names = [codename for of, codename in _OFFERED if of == label]
        any_of |= Q(content_type__app_label=label, codename__in=names)
    return Permission.objects.filter(any_of).select_related("content_type")


def in_words(permissions: Iterable[Permission]) -> list[str]:
    """Offered permissions in the order of the menu, a line for each model: "违法违规：查看、作废"."""
    lines: dict[str, list[str]] = {}
    for permission in sorted(permissions, key=_order):
        name, may = _words(permission)
        lines.setdefault(name, []).append(may)
    return [f"{name}：{'、'.join(may)}" for name, may in lines.items()]


def _key(permission: Permission) -> tuple[str, str]:
    return permission.content_type.app_label, permission.codename


def _order(permission: Permission) -> int:
    return list(_OFFERED).index(_key(permission))


def _words(permission: Permission) -> tuple[str, str]:
    """What it is about, and what it lets people do."""
    model, meaning = _OFFERED[_key(permission)]
    found = permission.content_type.model_class()
    return str(found._meta.verbose_name if found else model), meaning


class _InMenuOrder(forms.models.ModelChoiceIterator):
    """The choices in the order of :data:`MEANINGS`, not of English codenames."""

    def __iter__(self) -> Any:
        rows = sorted(self.queryset, key=_order)
        return (self.choice(row) for row in rows)


class PermissionChoice(forms.ModelMultipleChoiceField):
    """A list of boxes to tick: "违法违规：作废"."""

    iterator = _InMenuOrder
    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, obj: Permission) -> str:
        return "：".join(_words(obj))

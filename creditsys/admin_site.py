"""The look and the menu of the admin (django-unfold's settings)."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    """Shows a menu entry to those who may see the model."""
    return lambda request: request.user.has_perm(f"ratings.view_{model}")


def _may_see(site: admin.ModelAdmin) -> Callable[[HttpRequest], bool]:
    # A function, not the method: unfold copies the menu deeply, and with a method all that it belongs to.
    return lambda request: site.has_view_permission(request)


def _figures() -> dict[str, Any]:
    """The pages of figures, each for those who may see all that it counts."""
    from ratings.admin.insight.menu import EVERY  # settings read this module before models can be loaded

    return {"title": "洞察", "items": [_page_entry(page) for page in EVERY]}


def _page_entry(page: Any) -> dict[str, Any]:
    from ratings.admin.insight.menu import may_see

    return {
        "title": page.title,
        "icon": page.icon,
        "link": reverse_lazy(f"insight:{page.name}"),
        "permission": lambda request: may_see(request, page),
    }


def _superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def _entry(title: str, icon: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:ratings_{model}_changelist"),
        "permission": _may_view(model),
    }


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu: the regulator's own, then a group for each application that has pages in the admin; no group of
    which the user may see nothing."""
    groups = [
        *_WORK,
        _figures(),
        *_KEPT,
        *(group for app in apps.get_app_configs() if (group := _pages_of(app, request))),
    ]
    return [group for group in groups if any(_shows(item, request) for item in group["items"])]


def _shows(item: dict[str, Any], request: HttpRequest) -> bool:
    permission = item.get("permission")
    return permission is None or bool(permission(request))


def _pages_of(app: AppConfig, request: HttpRequest) -> dict[str, Any] | None:
    """The models of an application in the admin; its admins say in which order (``menu_order``) and with which
    sign (``menu_icon``), and which pages of theirs beside the list stand below it (``menu_pages``: title, sign,
    name of the address). None where there are none."""
    if not app.name.startswith("applications.") and app.name not in settings.APPLICATION_PACKAGES:
        return None
    models = [
        (model, site) for model, site in admin.site._registry.items() if model._meta.app_label == app.label
    ]
    models.sort(key=lambda pair: getattr(pair[1], "menu_order", 100))
    items = [item for model, site in models for item in _entries(model, site, request.path)]
    return {"title": str(app.verbose_name), "items": items} if items else None


def _entries(model: type[Model], site: admin.ModelAdmin, path: str) -> Iterator[dict[str, Any]]:
    """The list of a model, and the pages beside it, which lie below its address and are not the list."""
    own = f"{model._meta.app_label}_{model._meta.model_name}_changelist"
    list_entry = (str(model._meta.verbose_name), getattr(site, "menu_icon", "folder"), own)
    pages = getattr(site, "menu_pages", ())
    beside = [reverse(f"admin:{name}") for _, _, name in pages]
    for title, icon, name in (list_entry, *pages):
        link = reverse(f"admin:{name}")
        active = path.startswith(link) and (link in beside or not path.startswith(tuple(beside)))
        yield {"title": title, "icon": icon, "link": link, "permission": _may_see(site), "active": active}


def environment(request: HttpRequest) -> list[str] | None:
    """A mark at the top of every page of an installation that is no production."""
    return None if settings.PRODUCTION else ["演示环境", "warning"]


#: the regulator's own pages: the work
_WORK: Final[list[dict[str, Any]]] = [
    {
        "title": "",
        "items": [{"title": "工作台", "icon": "home", "link": reverse_lazy("admin:index")}],
    },
    {
        "title": "评价",
        "items": [
            _entry("评价结果", "grade", "rating"),
            _entry("评价批次", "calculate", "ratingrun"),
            _entry("评价规则", "rule", "schemeversion"),
        ],
    },
    {
        "title": "办理",
        "items": [
            _entry("评价周期", "event_repeat", "ratingperiod"),
            _entry("审核事项", "fact_check", "reviewitem"),
            _entry("等级调整", "swap_vert", "adjustment"),
            _entry("异议", "feedback", "objection"),
            _entry("信用修复", "healing", "creditrepair"),
        ],
    },
    {
        "title": "公布",
        "items": [
            _entry("发布", "publish", "publication"),
            _entry("公布等级", "workspace_premium", "publishedgrade"),
            _entry("签发的文书", "approval", "issueddocument"),
        ],
    },
]

#: and what it rests on
_KEPT: Final[list[dict[str, Any]]] = [
    {
        "title": "事实",
        "items": [
            _entry("违法违规", "gavel", "violation"),
            _entry("举报投诉", "campaign", "complaint"),
            _entry("月度基金支付", "payments", "fundpayment"),
            _entry("外部指标值", "speed", "measurevalue"),
            _entry("服务状态", "toggle_on", "servicestatus"),
            _entry("导入批次", "upload_file", "importbatch"),
        ],
    },
    {
        "title": "登记",
        "items": [
            _entry("定点零售药店", "local_pharmacy", "pharmacy"),
            _entry("企业", "business", "enterprise"),
            _entry("区县", "map", "district"),
        ],
    },
    {
        "title": "管理",
        "items": [
            _entry("操作记录", "history", "auditevent"),
            {
                "title": "用户",
                "icon": "person",
                "link": reverse_lazy("admin:auth_user_changelist"),
                "permission": _superuser,
            },
            {
                "title": "用户组",
                "icon": "group",
                "link": reverse_lazy("admin:auth_group_changelist"),
                "permission": _superuser,
            },
            {
                "title": "管辖范围",
                "icon": "pin_drop",
                "link": reverse_lazy("admin:ratings_staffscope_changelist"),
                "permission": _superuser,
            },
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "医保定点药店信用评价",
    "SITE_HEADER": "医保定点药店信用评价",
    "SITE_SUBHEADER": "监管端",
    "SITE_SYMBOL": "verified",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("creditsys/icon.svg")}
    ],
    "ENVIRONMENT": "creditsys.admin_site.environment",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "THEME": "light",
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "ratings.admin.dashboard.context",
    "ACCOUNT": {
        "navigation": [
            {"title": "修改密码", "link": reverse_lazy("admin:password_change")},
            {"title": "两步验证", "link": reverse_lazy("two_factor")},
        ]
    },
    "STYLES": [
        lambda request: static("creditsys/marks.css"),
        lambda request: static("creditsys/admin.css"),
        lambda request: static("creditsys/desk.css"),
        lambda request: static("creditsys/charts.css"),
    ],
    "SCRIPTS": [
        lambda request: static("creditsys/admin.js"),
        lambda request: static("creditsys/desk.js"),
    ],
    "COLORS": {
        "primary": {
            "50": "#eff6fb",
            "100": "#dbeaf5",
            "200": "#bcd7ea",
            "300": "#8dbcda",
            "400": "#5598c4",
            "500": "#317cac",
            "600": "#1f6391",
            "700": "#1a4f76",
            "800": "#194463",
            "900": "#193953",
            "950": "#112537",
        },
        "font": {
            "subtle-light": "var(--color-base-600)",
            "default-light": "var(--color-base-700)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "creditsys.admin_site.navigation",
    },
}

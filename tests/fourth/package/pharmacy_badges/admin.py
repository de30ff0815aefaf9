from django.contrib import admin

from pharmacy_badges.models import Badge
from ratings.admin.base import CityAdmin
from ratings.admin.permissions import offer, ship

offer("pharmacy_badges", {"badge": {"view": "查看"}})
ship("徽章管理员")


@admin.register(Badge)
class BadgeAdmin(CityAdmin):
    """Who may see: the view permission, for the whole city."""

    list_display = ("code", "publication")

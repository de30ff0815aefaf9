"""What is run in processes of their own, with and without the fourth application: ``python -m tests.fourth.inside``.

``snapshot`` prints all that an application may leave behind; ``use`` uses the application and prints what came.
"""

import json
import sys
from datetime import timedelta
from typing import Any

import django


def snapshot() -> dict[str, list[str]]:
    """Of the database, the schedule and the addresses. The audit record is not among it: it keeps what was done."""
    from django.conf import settings
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command
    from django.db import connection
    from django.urls import get_resolver
    from drf_spectacular.generators import SchemaGenerator

    call_command("migrate", verbosity=0, interactive=False)
    call_command("check", fail_level="WARNING")
    with connection.cursor() as cursor:

        def rows(sql: str) -> list[str]:
            cursor.execute(sql)
            return sorted(str(row) for row in cursor.fetchall())

        return {
            "relations": rows(
                "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            ),
            "functions": rows(
                "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            ),
            "types": rows("SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"),
            "migrations": rows("SELECT app, name FROM django_migrations"),
            "permissions": sorted(f"{one.content_type}.{one.codename}" for one in Permission.objects.all()),
            "content types": sorted(f"{one.app_label}.{one.model}" for one in ContentType.objects.all()),
            "groups": sorted(Group.objects.values_list("name", flat=True)),
            "beat": sorted(settings.CELERY_BEAT_SCHEDULE),
            "addresses": sorted(
                str(one.pattern) + str(getattr(one, "urlconf_name", ""))
                for one in get_resolver().url_patterns
            ),
            "described": sorted(SchemaGenerator().get_schema(public=True)["paths"]),
        }


def use() -> dict[str, Any]:
    """A publication reaches the application; its page, API, admin and place in the schedule."""
    from django.conf import settings
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from creditsys.celery import app
    from tests.bank_loans import building
    from tests.ratings.services.test_runs import scheme_in_force

    call_command("migrate", verbosity=0, interactive=False)
    call_command("check", fail_level="WARNING")
    scheme_in_force()
    at = timezone.now() - timedelta(days=30)
    good, bad = (building.shop(recorded_at=at - timedelta(days=3)) for _ in range(2))
    building.publish({good: building.A, bad: building.C}, at=at)

    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    visitor = Client()
    described = visitor.get("/api/v1/schema/").json()
    return {
        "page": [visitor.get(f"/badges/{one.code}/").status_code for one in (good, bad)],
        "text": visitor.get(f"/badges/{good.code}/").content.decode(),
        "api": visitor.get(f"/api/v1/badges/{good.code}/").json(),
        "api of one below the minimum": visitor.get(f"/api/v1/badges/{bad.code}/").status_code,
        "described": described["paths"]["/api/v1/badges/{code}/"]["get"]["operationId"],
        "menu": "药店徽章" in root.get("/admin/").content.decode(),
        "listed": good.code in root.get("/admin/pharmacy_badges/badge/").content.decode(),
        "granted": list(Group.objects.get(name="徽章管理员").permissions.values_list("codename", flat=True)),
        "beat": [one["task"] for one in settings.CELERY_BEAT_SCHEDULE.values() if "badges" in one["task"]],
        "worker": "pharmacy_badges.award" in app.tasks,
        "code": good.code,
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps({"snapshot": snapshot, "use": use}[sys.argv[1]]()))

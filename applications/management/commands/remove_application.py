"""manage.py remove_application KEY: takes out what an application keeps here, before its line is taken out."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from applications import registry
from ratings.services.audit import Actor, record


class Command(BaseCommand):
    help = "移除一个应用在这里存的一切：数据表、权限和只属于它的用户组。之后从设置中去掉它那一行。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="应用的代码，如 pharmacy_badges")
        parser.add_argument("--yes", action="store_true", help="确认移除；不写则只列出将移除什么")

    def handle(self, *args: Any, key: str, yes: bool, **options: Any) -> None:
        if key not in {application.key for application in registry.installed()}:
            raise CommandError(f"没有使用中的应用 {key}：请照 APPLICATIONS 所列写。未作任何改动。")
        label = next(
            config.label for config in apps.get_app_configs() if config.name.rpartition(".")[2] == key
        )
        tables = [
            model._meta.db_table for model in apps.get_app_config(label).get_models(include_auto_created=True)
        ]
        rights = Permission.objects.filter(content_type__app_label=label)
        # before the rights go, and by name, as post_migrate may make them anew
        groups = sorted(_only_of(label).values_list("name", flat=True))
        self.stdout.write(
            f"数据表：{'、'.join(tables) or '无'}\n权限：{rights.count()} 项\n用户组：{'、'.join(groups) or '无'}"
        )
        if not yes:
            self.stdout.write("未作任何改动；数据删除后不能恢复。确认请加 --yes。")
            return
        functions = _functions(tables)
        call_command("migrate", label, "zero", verbosity=0, interactive=False)
        with transaction.atomic():
            _drop(functions)
            Group.objects.filter(name__in=groups).delete()
            ContentType.objects.filter(app_label=label).delete()
            by = Actor("manage.py remove_application")
            record("移除应用", f"application:{key}", by=by, tables=tables, groups=groups)
        self.stdout.write(f"已移除。请从设置中去掉 {key} 那一行，再重启各进程。")


def _only_of(label: str) -> Any:
    """Groups that hold rights of this app and of no other."""
    held = Permission.objects.filter(group=OuterRef("pk"))
    return Group.objects.filter(
        Exists(held.filter(content_type__app_label=label)),
        ~Exists(held.exclude(content_type__app_label=label)),
    )


def _functions(tables: list[str]) -> list[str]:
    """Of the triggers on these tables; a table that is dropped leaves them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT t.tgfoid::regprocedure::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relname = ANY(%s) AND NOT t.tgisinternal",
            [tables],
        )
        return [name for (name,) in cursor.fetchall()]


def _drop(functions: list[str]) -> None:
    with connection.cursor() as cursor:
        for name in functions:
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}")

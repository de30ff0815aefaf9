"""manage.py refresh_places: what residents find, brought up to date by hand."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from applications.pharmacy_lookup.refresh import refresh_places


class Command(BaseCommand):
    help = "更新居民查询所用的药店和等级。平时自动更新；直接改动数据库后用它补上。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("codes", nargs="*", metavar="定点编码", help="只更新这些药店；不写则全部更新")

    def handle(self, *args: Any, **options: Any) -> None:
        written = refresh_places(options["codes"] or None)
        self.stdout.write(f"更新了 {written} 家药店")

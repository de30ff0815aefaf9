"""manage.py tidy_files: files of evidence and documents that no row names; with --delete, remove them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ratings.management.arguments import command_actor
from ratings.services.stray_files import delete_stray_files, stray_files


class Command(BaseCommand):
    help = "列出无主的证据和文书文件：写入后进程中断，没有任何记录指向它，且已超过一天；加 --delete 则删除。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--delete", action="store_true", help="删除它们，并记入操作记录")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["delete"]:
            names, done = delete_stray_files(by=command_actor("tidy_files")), "已删除"
        else:
            names, done = stray_files(), "找到"
        for name in names:
            self.stdout.write(f"  {name}")
        self.stdout.write(f"{done} {len(names)} 个无主的文件。")
        if names and not options["delete"]:
            self.stdout.write("删除前请确认数据库不是刚从旧备份恢复的；加 --delete 删除。")

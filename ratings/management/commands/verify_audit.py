"""manage.py verify_audit: reckon the chain of the audit record again; exit status 1 on tampering."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.management.arguments import anchor
from ratings.services.audit_chain import verify_audit
from ratings.services.verification import audit_anchors


class Command(BaseCommand):
    help = "核验操作记录链：逐条重算指纹，找出被改动、删除、插入或调换的记录。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            type=anchor,
            metavar="序号:SHA256",
            help="以前抄存的链头，可写多个；各次发布签入的链头总会核对，其后的末尾被删只有它能看出",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify_audit([*options["anchor"], *audit_anchors()])
        head = f"{verdict.number}:{verdict.sha256}" if verdict.number else "（还没有操作记录）"
        if not verdict.intact:
            for fault in verdict.faults:
                self.stderr.write(str(fault))
            raise CommandError(f"操作记录链不完整。现在的链头 {head}")
        self.stdout.write(self.style.SUCCESS(f"操作记录链完整，共 {verdict.number:,} 条。"))
        self.stdout.write(f"链头（请抄存在系统之外，下次以 --anchor 核对）：{head}")

"""manage.py verify_publication: the ledger, or a published file, against what was signed; status 1 on tampering."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.models import Publication, PublishedGrade
from ratings.services.audit_chain import verify_audit
from ratings.services.verification import audit_anchors, verify_publications, verify_published_file


class Command(BaseCommand):
    help = "核验发布：逐行重算指纹、默克尔根、发布链和签名，指出被改动、添加、缺失的行。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("number", type=int, nargs="?", help="只核验这一发布的各行；不写即核验全部")
        what.add_argument("--all", action="store_true", help="核验全部发布和操作记录链（默认）")
        what.add_argument("--file", type=Path, help="核验一份发布文件，并与库中的同号发布比较")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] is not None:
            self._file(options["file"])
            return
        number = options["number"]
        faults = [*map(str, verify_publications(None if number is None else [number]))]
        if number is None:
            faults += map(str, verify_audit(audit_anchors()).faults)
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"发现 {len(faults)} 处不符。")
        if number is None:
            count, rows = Publication.objects.count(), PublishedGrade.objects.count()
            self.stdout.write(self.style.SUCCESS(f"相符：{count:,} 次发布，{rows:,} 行；操作记录链完整。"))
        else:
            publication = Publication.objects.get(number=number)
            self.stdout.write(self.style.SUCCESS(f"相符：发布 {number} 号，{publication.rows:,} 行。"))
        head = Publication.objects.order_by("-number").first()
        if head is not None:
            self.stdout.write(
                f"最后一次发布的指纹（请抄存在系统之外）：{head.number}:{head.statement_sha256}"
            )

    def _file(self, path: Path) -> None:
        try:
            faults = verify_published_file(path)
        except OSError as error:
            raise CommandError(f"读不到文件 {path}：{error.strerror}。") from error
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"{path} 有 {len(faults)} 处不符。")
        self.stdout.write(self.style.SUCCESS(f"相符：{path}，与库中的发布一致。"))

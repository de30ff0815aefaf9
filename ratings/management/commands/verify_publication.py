"""manage.py verify_publication: the ledger, or a published file, against what was signed; status 1 on tampering."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.management.arguments import anchor
from ratings.models import Publication, PublishedGrade
from ratings.services.audit_chain import verify_audit
from ratings.services.verification import audit_anchors, verify_publications, verify_published_file


class Command(BaseCommand):
    help = "核验发布：逐行重算指纹、默克尔根、发布链和签名，指出被改动、添加、缺失的行。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "number", type=int, nargs="?", help="只核验这一发布的各行；不写即核验全部发布和操作记录链"
        )
        what.add_argument("--file", type=Path, help="核验一份发布文件，并与库中的同号发布比较")
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            type=anchor,
            metavar="发布号:SHA256",
            help="以前抄存的发布指纹，可写多个；末尾的发布连同操作记录一起被删，只有它能看出",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] is not None:
            self._file(options["file"])
            return
        number = options["number"]
        faults = [*map(str, verify_publications(None if number is None else [number]))]
        faults += _unlike(options["anchor"])
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
                f"最后一次发布的指纹（请抄存在系统之外，下次以 --anchor 核对）：{head.number}:{head.statement_sha256}"
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


def _unlike(anchors: list[tuple[int, str]]) -> list[str]:
    """What the ledger says otherwise than what was written down of it."""
    kept = dict(Publication.objects.values_list("number", "statement_sha256"))
    return [
        f"发布 {number} 号的指纹与抄存的不符。" if number in kept else f"抄存的发布 {number} 号不在库中。"
        for number, sha256 in anchors
        if kept.get(number) != sha256
    ]

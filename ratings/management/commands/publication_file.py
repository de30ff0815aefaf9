"""manage.py publication_file N --output FILE: the published file of a publication, for third parties."""

import uuid
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.models import Publication
from ratings.published import write_publication


class Command(BaseCommand):
    help = "写出一次发布的文件：声明、签名和全部行；任何人可用公钥和 ratings/verifier.py 核验。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int, help="发布号")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        number, path = options["number"], options["output"]
        publication = Publication.objects.filter(number=number).first()
        if publication is None:
            last = Publication.objects.order_by("-number").first()
            known = f"现有 1 至 {last.number} 号" if last else "还没有任何发布"
            raise CommandError(f"没有 {number} 号发布：{known}。")
        if not path.parent.is_dir():
            raise CommandError(f"没有文件夹 {path.parent}：请先建立，或另写路径。")
        # Written beside and then renamed: under its name, a file is whole or not there.
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            _check_free(path)
            with part.open("xb") as out:
                write_publication(number, out)
            _check_free(path)
            part.rename(path)
        except OSError as error:
            raise CommandError(f"写不了文件 {path}：{error.strerror}。") from error
        finally:
            with suppress(OSError):
                part.unlink()
        self.stdout.write(self.style.SUCCESS(f"已写出 {path}：发布 {number} 号，{publication.rows:,} 行。"))


def _check_free(path: Path) -> None:
    if path.exists():
        raise CommandError(f"文件 {path} 已存在，不覆盖：请另写文件名。")

"""manage.py signing_key: the public key that verifies publications; or make a new key."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.services import signing


class Command(BaseCommand):
    help = "发布签名的公钥（供第三方核验）；--new 另生成一把密钥。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new", type=Path, metavar="FILE", help="生成新密钥，存入此文件（仅本人可读）")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["new"]
        key = signing.public_key() if path is None else self._make(path)
        self.stdout.write(f"公钥 {key.hex()}")
        self.stdout.write(signing.pem(key), ending="")
        if path is not None:
            self.stdout.write(
                f"新密钥已存入 {path}，尚未启用。启用：把文件内容设为环境变量 SIGNING_KEY，"
                f"并把现用公钥 {signing.public_key().hex()} 加入 TRUSTED_KEYS。请离线备份后删除该文件。"
            )

    def _make(self, path: Path) -> bytes:
        """A new key in a new file that only its owner can read."""
        seed = signing.new_seed()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise CommandError(f"文件 {path} 已存在，不覆盖：请另写文件名。") from error
        except OSError as error:
            raise CommandError(f"写不了文件 {path}：{error.strerror}。") from error
        with os.fdopen(descriptor, "w") as file:
            file.write(seed)
        return signing.public_of(seed)

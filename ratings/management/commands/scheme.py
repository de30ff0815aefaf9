"""manage.py scheme check|list|show|store|activate: rating schemes as documents."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ratings.management import arguments
from ratings.models import SchemeVersion
from ratings.rules import SchemeError, parse_scheme, scheme_hash, shipped_schemes
from ratings.services.errors import Refused
from ratings.services.schemes import activate_scheme, find_scheme, store_scheme


class Command(BaseCommand):
    help = "评价规则：检查文件、列出、查看、存为草案、启用。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        check = commands.add_parser("check", help="检查规则文件，列出全部问题")
        check.add_argument("file", type=Path)
        commands.add_parser("list", help="列出已存的规则和随附的规则文件")
        show = commands.add_parser("show", help="显示规则全文")
        show.add_argument("scheme", help="key 或 key@版本号")
        store = commands.add_parser("store", help="检查并存为草案")
        store.add_argument("file", type=Path)
        activate = commands.add_parser("activate", help="启用：此后不得修改")
        activate.add_argument("scheme", help="规则文件，或 key@版本号")
        activate.add_argument("--reason", default="", help="启用的依据，如文号")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"do_{options['command']}")(options)
        except SchemeError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"规则有 {len(error.problems)} 处问题，未通过检查。") from error
        except Refused as error:
            raise CommandError(str(error)) from error

    def do_check(self, options: dict[str, Any]) -> None:
        document = self._read(options["file"])
        scheme = parse_scheme(document.encode(), options["file"].name)
        header = scheme.document
        self.stdout.write(
            self.style.SUCCESS(
                f"通过：{header.title}（{header.key} 第 {header.version} 版，{header.effective_on} 起施行）\n"
                f"SHA-256 {scheme_hash(document.encode())}"
            )
        )

    def do_list(self, options: dict[str, Any]) -> None:
        for scheme in SchemeVersion.objects.order_by("key", "version"):
            state = (
                f"{timezone.localtime(scheme.activated_at):%Y-%m-%d} 启用" if scheme.activated_at else "草案"
            )
            self.stdout.write(
                f"{scheme.key}@{scheme.version}　{scheme.title}　{scheme.effective_on} 起施行　{state}"
                f"　{scheme.sha256[:12]}"
            )
        self.stdout.write("随附的规则文件：")
        for path in shipped_schemes().values():
            self.stdout.write(f"  {path}")

    def do_show(self, options: dict[str, Any]) -> None:
        today = timezone.localdate()
        self.stdout.write(find_scheme(options["scheme"], today).document)

    def do_store(self, options: dict[str, Any]) -> None:
        scheme = store_scheme(
            self._read(options["file"]), by=arguments.command_actor("scheme"), file=options["file"].name
        )
        self.stdout.write(self.style.SUCCESS(f"已存：{scheme.key}@{scheme.version}，SHA-256 {scheme.sha256}"))

    def do_activate(self, options: dict[str, Any]) -> None:
        by = arguments.command_actor("scheme")
        name = options["scheme"]
        if name.endswith(".toml"):
            scheme = store_scheme(self._read(Path(name)), by=by, file=Path(name).name)
        else:
            if "@" not in name:
                raise CommandError(f"请写明版本：{name}@版本号。")
            scheme = find_scheme(name, timezone.localdate())
        scheme = activate_scheme(scheme, by=by, reason=options["reason"])
        self.stdout.write(
            self.style.SUCCESS(f"已启用：{scheme.key}@{scheme.version}，自 {scheme.effective_on} 起施行。")
        )

    def _read(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("utf-8")
        except OSError as error:
            raise CommandError(f"读不到文件 {path}：{error.strerror}。") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} 不是 UTF-8 编码：请另存为 UTF-8 后再试。") from error

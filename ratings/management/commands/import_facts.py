"""Import registry or facts from a CSV or XLSX file."""

import json
import tomllib
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ratings.management.arguments import command_actor
from ratings.models import ImportBatch
from ratings.services.audit import Actor
from ratings.services.imports import (
    ImportStopped,
    Kind,
    Progress,
    check_import,
    drop_import,
    import_file,
    kind_named,
    kinds,
    problems_csv,
    template_csv,
)

_SHOWN = 20
_LONGEST_NAME = 60


class Command(BaseCommand):
    help = "从 CSV 或 XLSX 文件导入区县、企业、药店和各类事实：先全部检查，没有拒收的行才写入。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", nargs="?", help="数据种类，如 payments；--kinds 列出全部")
        parser.add_argument("file", nargs="?", help="CSV（UTF-8、GB18030、UTF-16）或 XLSX 文件")
        parser.add_argument(
            "--map", action="append", default=[], metavar="他们的列=我们的列", help="列对应，可多次使用"
        )
        parser.add_argument(
            "--mapping",
            type=Path,
            metavar="FILE",
            help="列对应文件（TOML 或 JSON）：[columns] 他们的列=我们的列，[defaults] 列=值，sheet=工作表",
        )
        parser.add_argument(
            "--default",
            action="append",
            default=[],
            metavar="列=值",
            help="文件缺少的列、空着的单元格用此值，可多次使用",
        )
        parser.add_argument("--sheet", help="XLSX 工作表名称（默认第一张）")
        parser.add_argument("--dry-run", action="store_true", help="只试算，不写入")
        parser.add_argument(
            "--accept-valid", action="store_true", help="有行被拒收时，仍写入其余的行（默认整批不写）"
        )
        parser.add_argument("--problems", type=Path, metavar="OUT.csv", help="把全部拒收明细写入此文件")
        parser.add_argument("--by", help="经办人：与本机用户一起记在操作记录中")
        parser.add_argument("--kinds", action="store_true", help="列出数据种类和各列")
        parser.add_argument("--template", metavar="KIND", help="输出该种类的空白 CSV 模板")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["kinds"]:
                self._list_kinds()
            elif options["template"]:
                self.stdout.write(template_csv(options["template"]).decode("utf-8-sig"), ending="")
            elif not options["kind"] or not options["file"]:
                raise CommandError(
                    "请写明数据种类和文件，如：import_facts payments 支付.csv（--kinds 列出种类）。"
                )
            else:
                self._import(kind_named(options["kind"]), Path(options["file"]), options)
        except ImportStopped as error:
            raise CommandError(str(error)) from None

    def _list_kinds(self) -> None:
        for kind in kinds():
            self.stdout.write(f"{kind.id}  {kind.label}")
            for column in kind.columns:
                mark = "*" if column.required else " "
                self.stdout.write(f"  {mark} {column.name}  {column.label}  {column.help}".rstrip())
        self.stdout.write("（* 为必填列；表头可用中文、英文名称或常见别名）")

    def _import(self, kind: Kind, path: Path, options: dict[str, Any]) -> None:
        said = _read_mapping(options["mapping"]) if options["mapping"] else {}
        mapping = {**said.get("columns", {}), **_pairs(options["map"], "--map")}
        defaults = {**said.get("defaults", {}), **_pairs(options["default"], "--default")}
        sheet: str | None = options["sheet"] or said.get("sheet")
        by = _actor(options["by"])
        run = (
            check_import if options["dry_run"] else partial(import_file, skip_refused=options["accept_valid"])
        )
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandError(f"打不开文件 {path}：{error.strerror}。") from None
        with file, _Bar(hidden=not self.stderr.isatty()) as bar:
            batch = run(
                kind.id,
                file,
                path.name,
                by=by,
                mapping=mapping,
                defaults=defaults,
                sheet=sheet,
                progress=bar.report,
            )
        self._show(kind, batch)
        if options["problems"] and batch.refused:
            with options["problems"].open("wb") as out:
                out.writelines(problems_csv(batch))
            self.stdout.write(f"全部拒收明细已写入 {options['problems']}。")
        if batch.state == ImportBatch.State.CHECKED:
            # Nobody would come back for it: the file stays where the command found it.
            drop_import(batch, by=by)
        self._conclude(batch, dry_run=options["dry_run"])

    def _show(self, kind: Kind, batch: ImportBatch) -> None:
        read_as = batch.mapping["read_as"]
        how = "，".join(
            read_as[key] for key in ("format", "encoding", "delimiter", "sheet") if key in read_as
        )
        self.stdout.write(f"{kind.label}  {batch.file_name}（{how}；表头在第 {read_as['header_line']} 行）")
        for name, header in read_as["columns"].items():
            self.stdout.write(f"  {header} → {name}")
        if read_as["ignored_columns"]:
            self.stdout.write(f"  未使用的列：{'、'.join(read_as['ignored_columns'])}")
        self.stdout.write("")
        for label, number in (
            ("新增", batch.added),
            ("更新", batch.changed),
            ("未变", batch.unchanged),
            ("拒收", batch.refused),
        ):
            self.stdout.write(f"  {label}  {number:>12,}")
        self.stdout.write("")
        for problem in batch.problems[:_SHOWN]:
            self.stdout.write(
                f"  第 {problem['line']} 行 [{problem['column']}] {problem['value']}："
                f"{problem['message']}{problem['remedy']}"
            )
        if len(batch.problems) > _SHOWN:
            self.stdout.write("  ……（--problems OUT.csv 写出全部）")

    def _conclude(self, batch: ImportBatch, *, dry_run: bool) -> None:
        if batch.state == ImportBatch.State.ACCEPTED:
            skipped = f"，跳过被拒收的 {batch.refused:,} 行" if batch.refused else ""
            self.stdout.write(self.style.SUCCESS(f"批次 #{batch.pk} 已入库{skipped}。"))
        elif batch.refused:
            raise CommandError(
                f"批次 #{batch.pk} 有 {batch.refused:,} 行被拒收，没有写入任何数据。"
                "请改正后重新导入，或用 --accept-valid 跳过这些行。"
            )
        elif dry_run:
            self.stdout.write(f"批次 #{batch.pk} 已试算，没有写入任何数据。")


def _actor(name: str | None) -> Actor:
    """The operating system's user, behind the name that was given, which nobody has checked."""
    user = command_actor("import_facts")
    if not name or not name.strip():
        return user
    if len(name) > _LONGEST_NAME:
        raise CommandError(f"--by 最多 {_LONGEST_NAME} 个字。")
    return Actor(f"{name.strip()}（{user.name.replace('（', '，')}")


class _Bar:
    """A progress bar for rows and the share of the work done."""

    def __init__(self, *, hidden: bool) -> None:
        self._bar = tqdm(total=100, unit="%", disable=hidden, bar_format="{l_bar}{bar}| {postfix} {elapsed}")

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    @property
    def report(self) -> Progress:
        def report(rows: int, share: float) -> None:
            self._bar.n = round(100 * share, 1)
            self._bar.set_postfix_str(f"{rows:,} 行")

        return report


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    """``a=b`` texts as a dictionary."""
    pairs = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise CommandError(f"{option} 须写成 左=右，不能是“{text}”。")
        pairs[left.strip()] = right.strip()
    return pairs


def _read_mapping(path: Path) -> dict[str, Any]:
    """A mapping file: tables ``columns`` and ``defaults`` and a ``sheet``, or columns alone."""
    try:
        text = path.read_text("utf-8-sig")
        said = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise CommandError(f"打不开列对应文件 {path}：{error.strerror}。") from None
    except ValueError as error:
        raise CommandError(f"列对应文件 {path} 有误：{error}。") from None
    if not isinstance(said, dict):
        raise CommandError(f"列对应文件 {path} 须为“他们的列 = 我们的列”。")
    if not any(isinstance(value, dict) for value in said.values()):
        sheet = said.pop("sheet", None)
        said = {"columns": said, "sheet": sheet}
    unknown = set(said) - {"columns", "defaults", "sheet"}
    if unknown:
        raise CommandError(
            f"列对应文件 {path} 中的 {'、'.join(sorted(unknown))} 无法识别：可用 [columns]、[defaults]、sheet。"
        )
    for part in ("columns", "defaults"):
        said[part] = {str(key): str(value) for key, value in said.get(part, {}).items()}
    return said

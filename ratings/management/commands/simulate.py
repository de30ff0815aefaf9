"""manage.py simulate DRAFT: what a scheme would have given in past periods, beside what was; nothing is stored."""

import csv
import time
import unicodedata
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ratings.insight import lab_report
from ratings.insight.lab_report import Table
from ratings.insight.scheme_changes import differences
from ratings.insight.trials import COMPUTED, PUBLISHED, Trial, offered_runs, try_out, usual_runs
from ratings.management import arguments
from ratings.models import RatingRun
from ratings.rules import Scheme, SchemeError, SignalsError, parse_scheme
from ratings.services.errors import Refused
from ratings.services.imports.reports import harmless
from ratings.services.runs import latest_run
from ratings.services.schemes import find_scheme, parsed


class Command(BaseCommand):
    help = (
        "试算：用过去周期当时的事实，按一份规则重新计算，与当时的结果比较；什么也不存。"
        "尚无评价批次的周期，用 manage.py rate 周期 --scheme 规则 --dry-run 看等级分布。"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("draft", help="规则：TOML 文件，或 key@版本号")
        parser.add_argument(
            "--against",
            default=COMPUTED,
            help="比较对象：computed（原评价，缺省）、published（公布的等级）、TOML 文件或 key@版本号",
        )
        parser.add_argument(
            "--period",
            action="append",
            default=[],
            help="评价周期，如 2025H1；可写多个；缺省为最近公布的两期",
        )
        parser.add_argument("--run", action="append", default=[], type=int, help="评价批次号；可写多个")
        parser.add_argument("--csv", help="把全部变动的药店写入这个 CSV 文件；- 表示标准输出，此时不打印表格")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            draft, text = self._scheme(options["draft"])
            against: Scheme | str = options["against"]
            base = ""
            if against not in (COMPUTED, PUBLISHED):
                against, base = self._scheme(str(against))
            runs = self._runs(options["period"], options["run"])
            with _writer(options["csv"], self.stdout) as writer:
                self._try(draft, text, runs, against, base, writer, quiet=options["csv"] == "-")
        except SchemeError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"规则有 {len(error.problems)} 处问题，未通过检查。") from error
        except (Refused, SignalsError) as error:
            raise CommandError(str(error)) from error

    def _try(
        self,
        draft: Scheme,
        text: str,
        runs: list[RatingRun],
        against: Scheme | str,
        base: str,
        writer: Any,
        quiet: bool,
    ) -> None:
        names = lab_report.district_names()
        if writer is not None:
            writer.writerow(("评价周期", "批次", *lab_report.LIST_HEADERS))
        told: set[str] = set()
        start = time.perf_counter()
        for trial in try_out(draft, runs, against):
            if not quiet:
                own = base or trial.run.scheme.document
                if own not in told:
                    told.add(own)
                    title = trial.before.scheme.document
                    found = differences(own, text)
                    self._print(lab_report.changes(found, f"{title.title}（第 {title.version} 版）"))
                self._tell(trial, names, time.perf_counter() - start)
            if writer is not None:
                for row in lab_report.listed(trial, names):
                    writer.writerow((trial.run.period, trial.run.pk, *map(_cell, row)))
            start = time.perf_counter()

    def _tell(self, trial: Trial, names: dict[int, str], seconds: float) -> None:
        cutoff = timezone.localtime(trial.run.cutoff)
        self.stdout.write(
            self.style.MIGRATE_HEADING(
                f"{trial.label}　{trial.scope}　批次 #{trial.run.pk}　数据截止 {cutoff:%Y-%m-%d %H:%M}"
                f"　用时 {seconds:.1f} 秒"
            )
        )
        for warning in lab_report.warnings(trial):
            self.stdout.write(self.style.WARNING(warning))
        self.stdout.write(lab_report.headline(trial))
        for table in lab_report.tables(trial, names):
            self._print(table)
        self.stdout.write("试算完毕，没有存入。")

    def _print(self, table: Table) -> None:
        self.stdout.write(f"\n【{table.title}】")
        if table.rows:
            cells = [[_spelled(cell) for cell in row] for row in (table.headers, *table.rows)]
            widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
            for row in cells:
                line = "  ".join(
                    f"{cell}{' ' * (wide - _width(cell))}" for cell, wide in zip(row, widths, strict=True)
                )
                self.stdout.write(f"  {line.rstrip()}")
        if table.note:
            self.stdout.write(f"  {table.note}")

    def _scheme(self, name: str) -> tuple[Scheme, str]:
        """The scheme of a file or a stored version, and its text."""
        if not name.endswith(".toml"):
            stored = find_scheme(name, timezone.localdate())
            return parsed(stored), stored.document
        try:
            text = Path(name).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise CommandError(f"读不到文件 {name}：{error.strerror}。") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name} 不是 UTF-8 编码：请另存为 UTF-8 后再试。") from error
        return parse_scheme(text.encode(), Path(name).name), text

    def _runs(self, periods: list[str], numbers: list[int]) -> list[RatingRun]:
        offered = offered_runs()
        known = {
            run.pk: run
            for run in RatingRun.objects.filter(pk__in=numbers).select_related("scheme", "district", "life")
        }
        missing = [str(number) for number in numbers if number not in known]
        if missing:
            raise CommandError(f"没有评价批次 #{'、#'.join(missing)}。")
        runs = [known[number] for number in numbers]
        for code in periods:
            period = arguments.period(code)
            found = next((run for run in offered if run.period == period.code), None)
            runs.append(found or latest_run(period))
        if not runs:
            runs = usual_runs(offered)
        if not runs:
            raise CommandError("还没有完成的评价：请先运行 manage.py rate 周期。")
        return runs


@contextmanager
def _writer(name: str | None, out: Any) -> Iterator[Any]:
    """A CSV writer for a file (with a byte-order mark, for spreadsheets) or standard output; None without a name."""
    if name is None:
        yield None
    elif name == "-":
        yield csv.writer(_Lines(out))
    else:
        try:
            with Path(name).open("w", encoding="utf-8-sig", newline="") as file:
                yield csv.writer(file)
        except OSError as error:
            raise CommandError(f"写不了文件 {name}：{error.strerror}。") from error


class _Lines:
    """Lets the csv module write to a command's output."""

    def __init__(self, out: Any) -> None:
        self.out = out

    def write(self, text: str) -> None:
        self.out.write(text, ending="")


def _cell(cell: Any) -> Any:
    return harmless(cell) if isinstance(cell, str) else cell


def _spelled(cell: Any) -> str:
    if cell is None:
        return "—"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _width(text: str) -> int:
    """Columns of a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)

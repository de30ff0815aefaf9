"""manage.py quarterly 2026Q3: the quarterly statistics table, printed, as an XLSX file, or issued as a PDF."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ratings.insight.quarterly import FIGURES, cutoff_of, quarter_of, quarterly
from ratings.insight.quarterly_book import heading, shown, unit_of, workbook_of
from ratings.management import arguments
from ratings.models import District
from ratings.reports.quarterly import issue_quarterly
from ratings.rules.periods import Period
from ratings.services import documents
from ratings.services.audit import record
from ratings.services.errors import Refused


class Command(BaseCommand):
    help = "季度统计表：按区县统计一个季度的定点、查处、举报投诉、公布、异议和信用修复。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("quarter", help="季度，如 2026Q3")
        parser.add_argument(
            "--cutoff", help="数据截止时间：now、日期或时间；不写即为报送期限当日终了（未到则为此刻）"
        )
        parser.add_argument("--district", help="只统计一个区县：代码或名称")
        parser.add_argument("--xlsx", type=Path, help="另存为此 XLSX 文件")
        parser.add_argument(
            "--pdf", type=Path, help="签发为文书（登记编号，可扫码核验），并另存为此 PDF 文件"
        )
        parser.add_argument("--site", default="", help="签发的文书在哪个网站核验；不写即为 SITE_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        district = arguments.district(options["district"]) if options["district"] else None
        if options["pdf"] and not (settings.SITE_URL or options["site"]):
            raise CommandError(
                "文书须写明在哪里核验：请设置 SITE_URL，或加 --site https://credit.example.org。"
            )
        try:
            quarter = quarter_of(options["quarter"])
            cutoff = (
                arguments.cutoff(options["cutoff"])
                if options["cutoff"]
                else cutoff_of(quarter, timezone.now())
            )
            table = quarterly(quarter, cutoff=cutoff, districts=[district.code] if district else None)
        except Refused as error:
            raise CommandError(str(error)) from error
        place = district.name if district else "全市"
        for name, words in heading(table):
            self.stdout.write(f"{name}：{words}")
        self.stdout.write(f"范围：{place}，{len(table.rows)} 个区县")
        group = ""
        for figure in FIGURES:
            if figure.group != group:
                group = figure.group
                self.stdout.write(self.style.MIGRATE_HEADING(group))
            value = shown(figure, table.total[figure.id])
            self.stdout.write(f"  {figure.title}　{value:,} {unit_of(figure)}")
        if options["xlsx"]:
            try:
                options["xlsx"].write_bytes(workbook_of(table, place))
            except OSError as error:
                raise CommandError(f"无法写入 {options['xlsx']}：{error.strerror}。") from error
            record(
                "导出",
                f"季度统计表：{quarter.label}",
                by=arguments.command_actor("quarterly"),
                format="XLSX",
                rows=len(table.rows),
                filters={"place": place, "cutoff": cutoff.isoformat()},
            )
            self.stdout.write(self.style.SUCCESS(f"已写入 {options['xlsx']}"))
        if options["pdf"]:
            self._issue(quarter, cutoff, district, options["pdf"], options["site"])

    def _issue(
        self, quarter: Period, cutoff: datetime, district: District | None, path: Path, site: str
    ) -> None:
        by = arguments.command_actor("quarterly")
        try:
            document = issue_quarterly(quarter, cutoff=cutoff, district=district, by=by, site=site)
            content = documents.content(document)
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"已签发 {document}")
        try:
            path.write_bytes(content)
        except OSError as error:
            raise CommandError(
                f"无法写入 {path}：{error.strerror}。文书已经签发，可在后台“签发的文书”中下载。"
            ) from error
        self.stdout.write(self.style.SUCCESS(f"已写入 {path}"))

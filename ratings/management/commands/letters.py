"""manage.py letters: batches of letters (告知书), listed, asked for, and gone on with."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Q
from django.utils import timezone
from tqdm import tqdm

from ratings.management import arguments
from ratings.models import LetterBatch, RatingPeriod
from ratings.reports.letter_batches import find_gaps, write_letters
from ratings.services.errors import Refused
from ratings.services.letters import TELLING, retry_faults, start_batch


class Command(BaseCommand):
    help = "告知书批次：不带参数列出各批次；写批次号接着写（中断以后照样接着写）；--start 发起新的批次。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("batch", type=int, nargs="?", help="批次号：接着写该批次")
        parser.add_argument("--start", metavar="周期", help="发起一个评价周期（如 2025H2）的告知书并写完")
        parser.add_argument("--district", help="只发一个区县：代码或名称")
        parser.add_argument("--links", action="store_true", help="附告知链接（只在公示期内）")
        parser.add_argument("--site", default=settings.SITE_URL, help="网站地址；缺省为 SITE_URL")
        parser.add_argument("--retry", action="store_true", help="先让未签发成功的重写")
        parser.add_argument("--anyway", action="store_true", help="字体缺字的不签发，其余照发")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["start"]:
                self._write(self._start(**options), options)
            elif options["batch"]:
                self._write(self._found(options["batch"]), options)
            else:
                self._list()
        except Refused as error:
            raise CommandError(str(error)) from error

    def _found(self, number: int) -> LetterBatch:
        batch = LetterBatch.objects.select_related("period", "district").filter(pk=number).first()
        if batch is None:
            raise CommandError(f"没有告知书批次 #{number}：请用 manage.py letters 查看。")
        return batch

    def _start(self, **options: Any) -> LetterBatch:
        code = arguments.period(options["start"]).code
        district = arguments.district(options["district"]) if options["district"] else None
        if not options["site"]:
            raise CommandError("请用 --site 写明网站地址（告知书中的核验地址由此而来），或设置 SITE_URL。")
        periods = RatingPeriod.objects.filter(period=code, state__in=TELLING)
        if district is not None:
            periods = periods.filter(Q(district=None) | Q(district=district))
        found = list(periods.select_related("run__scheme", "district"))
        if not found:
            raise CommandError(f"{code} 没有公示中或已发布的评价周期，不签发告知书。")
        if len(found) > 1:
            places = "、".join(period.scope for period in found)
            raise CommandError(f"{code} 由各区县分别评价（{places}）：请用 --district 写明区县。")
        (period,) = found
        gaps = find_gaps(period, district)
        for gap in gaps:
            self.stdout.write(
                self.style.WARNING(f"  字体缺字　{gap.code} {gap.name}　{gap.field}：{gap.shown}")
            )
        if gaps and not options["anyway"]:
            raise CommandError(
                "请先更正录入，或用 PDF_FONT 换用收字更全的字体；--anyway 则缺字的不签发，其余照发。"
            )
        return start_batch(
            period,
            district,
            with_links=options["links"],
            site=options["site"],
            by=arguments.command_actor("letters"),
        )

    def _write(self, batch: LetterBatch, options: dict[str, Any]) -> None:
        if options["retry"]:
            retry_faults(batch, by=arguments.command_actor("letters"))
        waiting = batch.letters.filter(document=None, fault="").count()
        with tqdm(total=waiting, unit="份", disable=options["verbosity"] == 0, leave=False) as bar:
            written = write_letters(batch, progress=lambda issued: bar.update())
        faults = batch.letters.filter(document=None).exclude(fault="").select_related("rating__pharmacy")
        for letter in faults:
            self.stdout.write(self.style.WARNING(f"  {letter.rating.pharmacy.code}　{letter.fault}"))
        self.stdout.write(
            self.style.SUCCESS(f"{batch}：本次写 {written:,} 份，其中未签发 {len(faults):,} 份。")
        )

    def _list(self) -> None:
        rows = LetterBatch.objects.select_related("period", "district", "period__district").annotate(
            asked=Count("letters"),
            issued=Count("letters__document"),
            faults=Count("letters", filter=~Q(letters__fault="")),
        )
        for row in rows:
            self.stdout.write(
                f"#{row.pk}　{row.period.period} {row.scope}　{timezone.localtime(row.asked_at):%Y-%m-%d %H:%M} {row.asked_by}"
                f"　{row.issued:,} / {row.asked:,} 份，未签发 {row.faults:,} 份{'　附链接' if row.with_links else ''}"
            )
        if not rows:
            self.stdout.write("还没有告知书批次。")

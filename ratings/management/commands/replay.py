"""manage.py replay RUN: reckon a past run again and compare it byte for byte."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.models import RatingRun
from ratings.services.errors import Refused
from ratings.services.runs import replay


class Command(BaseCommand):
    help = "重算一个评价批次：从当时的事实重新计算，与存下的结果逐字节比较。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="评价批次的编号")

    def handle(self, *args: Any, **options: Any) -> None:
        run = RatingRun.objects.select_related("scheme", "district").filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"没有评价批次 #{options['run']}。")
        try:
            report = replay(run)
        except Refused as error:
            raise CommandError(str(error)) from error
        if report.same:
            self.stdout.write(
                self.style.SUCCESS(
                    f"一致：#{run.pk} {run.period} {run.pharmacies:,} 家，指纹 {run.outcomes_sha256}"
                )
            )
            return
        if not report.same_inputs:
            self.stderr.write("输入（事实或登记）与当时不同。")
        if not report.same_outcomes:
            self.stderr.write("结果指纹与当时不同。")
        for code, column, stored, now in report.differences:
            self.stderr.write(f"  {code}　{column}　存 {stored}　今 {now}")
        raise CommandError(f"评价批次 #{run.pk} 重算结果不一致。")

"""manage.py explain PHARMACY PERIOD: every point of a grade, in Chinese."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.management import arguments
from ratings.models import Pharmacy, Rating
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rating
from ratings.services.runs import latest_run


class Command(BaseCommand):
    help = "说明一家药店在一个周期的等级：每一分的事实、条款和算式，以及如何改进。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pharmacy", help="定点编码，如 P33060200672")
        parser.add_argument("period", help="2025、2025H1、2025Q3 或 2025-07")
        parser.add_argument("--scheme", help="规则的 key；缺省取该周期最近一次评价")
        parser.add_argument("--run", type=int, help="评价批次编号；缺省取最近一次")

    def handle(self, *args: Any, **options: Any) -> None:
        period = arguments.period(options["period"])
        code = options["pharmacy"].strip().upper()
        pharmacy = Pharmacy.objects.filter(code=code).first()
        if pharmacy is None:
            raise CommandError(f"没有登记定点编码为 {code} 的药店。")
        try:
            run_id = options["run"] or latest_run(period, options["scheme"], pharmacy).pk
            rating = (
                Rating.objects.select_related("run__scheme", "pharmacy")
                .filter(run_id=run_id, run__period=period.code, pharmacy=pharmacy)
                .first()
            )
            if rating is None:
                raise CommandError(f"{period.label}的评价批次 #{run_id} 中没有 {code}。")
            self.stdout.write(f"{pharmacy.name}　评价批次 #{run_id}")
            self.stdout.write(explain_rating(rating).text())
        except Refused as error:
            raise CommandError(str(error)) from error

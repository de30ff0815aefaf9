"""manage.py rate PERIOD: rate every pharmacy of a period."""

from argparse import ArgumentParser
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from ratings.management import arguments
from ratings.rules import SignalsError
from ratings.services import runs
from ratings.services.errors import Refused
from ratings.services.schemes import find_scheme, parsed


class Command(BaseCommand):
    help = "评价一个周期：按规则计算每家药店的信用分、等级和排名，并存为一个评价批次。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("period", help="2025（年）、2025H1（半年）、2025Q3（季）或 2025-07（月）")
        parser.add_argument("--scheme", default=settings.DEFAULT_SCHEME, help="规则：key 或 key@版本号")
        parser.add_argument("--cutoff", help="数据截止时间：now、日期或时间；缺省按规则所定的天数")
        parser.add_argument("--district", help="只评一个区县：代码或名称")
        parser.add_argument(
            "--dry-run", action="store_true", help="只试算等级分布，不存；与已有结果比较用 manage.py simulate"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        period = arguments.period(options["period"])
        district = arguments.district(options["district"]) if options["district"] else None
        try:
            scheme = find_scheme(options["scheme"], period.last)
            cutoff = (
                arguments.cutoff(options["cutoff"])
                if options["cutoff"]
                else runs.default_cutoff(period, scheme)
            )
            self.stdout.write(
                f"{period.label}　{scheme}　数据截止 {timezone.localtime(cutoff):%Y-%m-%d %H:%M}"
                f"　{district.name if district else '全市'}"
            )
            if options["dry_run"]:
                runs.check_dates(period, cutoff)
                rules = parsed(scheme)
                signals, outcomes = runs.simulate(period, rules, cutoff=cutoff, district=district)
                names = [grade.name for grade in rules.document.grades]
                counts = np.bincount(outcomes.grade[outcomes.grade >= 0], minlength=len(names))
                self._table(dict(zip(names, counts.tolist(), strict=True)), len(signals))
                self.stdout.write("试算完毕，没有存入。")
                return
            with tqdm(total=100, unit="%", disable=options["verbosity"] == 0, leave=False) as bar:

                def show(stage: str, share: float) -> None:
                    bar.set_description(stage)
                    bar.update(round(share * 100) - bar.n)

                run = runs.start_run(
                    period,
                    scheme,
                    cutoff=cutoff,
                    district=district,
                    by=arguments.command_actor("rate"),
                    progress=show,
                )
        except (Refused, SignalsError) as error:
            raise CommandError(str(error)) from error
        self._table(run.grade_counts, run.pharmacies)
        self.stdout.write(self.style.SUCCESS(f"评价批次 #{run.pk}，结果指纹 {run.outcomes_sha256}"))

    def _table(self, counts: dict[str, int], pharmacies: int) -> None:
        rated = sum(counts.values())
        for name, count in counts.items():
            share = count * 1000 // rated / 10 if rated else 0
            self.stdout.write(f"  {name}　{count:>8,} 家　{share:>5} %")
        self.stdout.write(f"  不予评级　{pharmacies - rated:,} 家；合计 {pharmacies:,} 家")

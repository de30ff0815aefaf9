"""manage.py find_interim: propose the interim changes that the schemes in force demand today."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ratings.management.arguments import command_actor
from ratings.services.adjustments import grade_name
from ratings.services.errors import Refused
from ratings.services.interim import find_interim
from ratings.services.schemes import parsed


class Command(BaseCommand):
    help = "查找期间变动：已公布的，和审核、公示、已审定待发布的等级，好于即时限制所允许的，提出降级或撤回，由审批员批准后生效。"

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = find_interim(by=command_actor("find_interim"))
        except Refused as error:
            raise CommandError(str(error)) from error
        for adjustment in found:
            rating = adjustment.rating
            scheme = parsed(rating.run.scheme)
            before, after = (
                grade_name(scheme, place) for place in (adjustment.from_grade, adjustment.to_grade)
            )
            self.stdout.write(f"  {rating.pharmacy.code}　{before} → {after}　{adjustment.text}")
        self.stdout.write(f"提出 {len(found)} 件期间变动，待审批。")

"""manage.py demo: everything that a newcomer needs to look around."""

from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ratings.demo import desk, load
from ratings.demo.users import demo_password, ensure_user
from ratings.models import RatingRun
from ratings.rules import SchemeError, shipped_schemes
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.roles import APPROVER, CLERK, INSPECTOR, REVIEWER
from ratings.services.runs import default_cutoff, start_run
from ratings.services.schemes import activate_scheme, scheme_in_force, store_scheme

#: Who may look around: user name to (name, group); without a group, a superuser.
USERS: Final = {
    "regulator": ("演示管理员", ""),
    "clerk": ("演示经办员", CLERK),
    "reviewer": ("演示审核员", REVIEWER),
    "approver": ("演示审批员", APPROVER),
    "inspector": ("演示纪检监督员", INSPECTOR),
}
_ACTOR = Actor("manage.py demo")


class Command(BaseCommand):
    help = "建立演示城市（生成的数据，非真实药店）：建表、启用规则、生成数据、评价各周期、建立演示监管员。可重复运行。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-progress", action="store_true", help="不显示进度条")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("生产环境不建立演示数据（CREDITSYS_ENV=production）。请在演示环境运行。")
        quiet = options["no_progress"] or options["verbosity"] == 0
        try:
            load.refuse_foreign()
            call_command("migrate", verbosity=0, interactive=False)
            activate_shipped_schemes()
            built = _build(quiet)
            runs = _rate(quiet)
            password = ensure_users()
            _furnish(runs, quiet)
        except (load.ForeignDatabase, Refused, SchemeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{settings.CITY_NAME}演示数据{'已生成' if built else '已在库中'}（全部为生成的数据，非真实药店）"
        )
        self.stdout.write(_table(runs))
        self.stdout.write(_users_table(password))


def activate_shipped_schemes() -> None:
    """Store the shipped schemes and put them in force; done before, nothing changes."""
    for path in shipped_schemes().values():
        scheme = store_scheme(path.read_text(encoding="utf-8"), by=_ACTOR, file=path.name)
        activate_scheme(scheme, by=_ACTOR, reason="演示")


def _build(quiet: bool) -> bool:
    with tqdm(total=load.STEPS, unit="步", disable=quiet, leave=False) as bar:

        def show(step: str) -> None:
            bar.set_description(step)
            bar.update()

        return load.ensure_city(show)


def _rate(quiet: bool) -> list[RatingRun]:
    runs: list[RatingRun] = []
    with tqdm(desk.PERIODS, unit="期", disable=quiet, leave=False) as bar:
        for code in bar:
            period = Period.parse(code)
            bar.set_description(f"评价{period.label}")
            scheme = scheme_in_force(settings.DEFAULT_SCHEME, period.last)
            runs.append(start_run(period, scheme, cutoff=default_cutoff(period, scheme), by=_ACTOR))
    return runs


def _furnish(runs: list[RatingRun], quiet: bool) -> None:
    with tqdm(total=len(desk.PERIODS) + 1, unit="步", disable=quiet, leave=False) as bar:

        def show(step: str) -> None:
            bar.set_description(f"办理 {step}")
            bar.update()

        desk.furnish(runs, show)


def ensure_users() -> str:
    """The demo users, and the password that they share."""
    for username, (name, group) in USERS.items():
        ensure_user(username, name, group)
    return demo_password()


def _users_table(password: str) -> str:
    """Who may sign in, a line a user."""
    lines = [f"  {username:<10} {name}" for username, (name, _) in USERS.items()]
    return "\n".join([f"演示用户（密码都是 {password}）：", *lines])


def _table(runs: list[RatingRun]) -> str:
    """The share of each grade, a line a period."""
    grades = list(runs[0].grade_counts)
    lines = ["  ".join(["周期      ", *(f"{name:>12}" for name in grades), "不予评级"])]
    for run in runs:
        shares = (
            f"{run.grade_counts[name]:>5} {run.grade_counts[name] * 1000 // run.rated / 10:>4} %"
            for name in grades
        )
        lines.append("  ".join([f"{run.period:<10}", *shares, f"{run.pharmacies - run.rated:>8}"]))
    return "\n".join(lines)

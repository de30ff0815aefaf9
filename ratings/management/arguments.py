"""What the commands' arguments have in common."""

import getpass
import re
from argparse import ArgumentTypeError
from datetime import date, datetime, time, timedelta

from django.core.management.base import CommandError
from django.utils import timezone

from ratings.models import District
from ratings.rules.periods import Period
from ratings.services.audit import Actor


def command_actor(command: str) -> Actor:
    """Who runs a command: the operating system's user, by name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "未知用户"
    return Actor(f"{user}（manage.py {command}）")


def anchor(text: str) -> tuple[int, str]:
    """A head of a chain that was written down earlier, NUMBER:SHA256. Raises ArgumentTypeError."""
    form = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip().lower())
    if form is None:
        raise ArgumentTypeError(f"“{text}”无法识别：写作 序号:SHA-256，例如本命令上次打印的那一行。")
    return int(form[1]), form[2]


def period(code: str) -> Period:
    """The period written ``code``. Raises CommandError."""
    try:
        return Period.parse(code)
    except ValueError as error:
        raise CommandError(str(error)) from error


def cutoff(text: str) -> datetime:
    """``now``, a day (its end), or a date and time, Asia/Shanghai. Raises CommandError."""
    if text == "now":
        return timezone.now()
    try:
        moment = (
            datetime.combine(date.fromisoformat(text) + timedelta(days=1), time.min)
            if len(text) == 10
            else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"数据截止时间“{text}”无法识别：写 now、日期（2026-01-15，含当日）或时间（2026-01-15T18:00）。"
        ) from error
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def district(text: str) -> District:
    """The district with this GB/T 2260 code or name. Raises CommandError."""
    found = District.objects.filter(code=int(text)) if text.isdigit() else District.objects.filter(name=text)
    matches = list(found[:2])
    if len(matches) != 1:
        known = "、".join(f"{district.code} {district.name}" for district in District.objects.all()[:50])
        raise CommandError(f"没有区县“{text}”。已登记的有：{known or '（无）'}。")
    return matches[0]

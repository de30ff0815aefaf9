"""manage.py demo_applications: what each application shows in the demo city; run by ``make demo``."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from applications import registry
from applications.enterprise_credit.roles import APPROVER, OFFICER, SUPPLIER
from applications.roles import BANKING, CREDIT_OFFICE
from ratings.demo import is_demo
from ratings.demo.users import demo_password, ensure_user
from ratings.services.errors import Refused

#: Who may look around beside those of ``manage.py demo``: user name to (name, group, works for the whole city).
#: The others are members of a department (``applications/enterprise_credit/demo.py``).
USERS: Final = {
    "banker": ("演示金融协作员", BANKING, True),
    "officer": ("演示部门查询员", OFFICER, False),
    "treasurer": ("演示部门查询员（财政局）", OFFICER, False),
    "supplier": ("演示部门数据员", SUPPLIER, False),
    "creditoffice": ("演示信用信息管理员", CREDIT_OFFICE, True),
    "creditapprover": ("演示信用信息审批员", APPROVER, True),
}


class Command(BaseCommand):
    help = "在演示城市里建立各应用的演示数据（生成的数据，非真实）。可重复运行。"

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("生产环境不建立演示数据（CREDITSYS_ENV=production）。请在演示环境运行。")
        if not is_demo():
            raise CommandError("数据库里没有演示城市：请先运行 manage.py demo。未作任何改动。")
        for username, (name, group, whole_city) in USERS.items():
            ensure_user(username, name, group, whole_city=whole_city)
        lines = [
            f"  {username:<14} {name}（密码同上：{demo_password()}）"
            for username, (name, *_) in USERS.items()
        ]
        try:
            for application in registry.installed():
                if application.demo:
                    lines += import_string(application.demo)()
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write("\n".join(lines))

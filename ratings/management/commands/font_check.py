"""manage.py font_check: what the font of the documents cannot draw of what they print, and where it stands."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ratings.reports.glyphs import missing_in_fixed_texts, missing_in_registry
from ratings.services.errors import Refused


class Command(BaseCommand):
    help = (
        "核对文书字体（PDF_FONT）能否写出名称、地址、事实、评价规则等全部文字：逐处列出缺字；有缺字时退出码为 1。"
        "缺字的文书不能签发。"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"字体：{settings.PDF_FONT}")
        try:
            found = [*missing_in_fixed_texts(), *missing_in_registry()]
        except Refused as error:
            raise CommandError(str(error)) from error
        if not found:
            self.stdout.write(self.style.SUCCESS("没有缺字。"))
            return
        for each in found:
            code = f"　{each.code}" if each.code else ""
            self.stdout.write(
                f"  U+{ord(each.character):04X} {each.character}　{each.where}{code}　{each.text}"
            )
        counts = Counter(each.character for each in found)
        listed = "、".join(f"{one}（U+{ord(one):04X}）{count} 处" for one, count in counts.most_common())
        raise CommandError(
            f"缺 {len(counts)} 个字符，共 {len(found)} 处：{listed}。请先核对是否录入有误（如半角标点、异体字），"
            "在登记或事实中更正；确有此字的，用 PDF_FONT 换用收字更全的字体，如 Noto Sans SC 全字库（TrueType）。"
        )

"""Forms of batch checks and of joint measures."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms

from applications.api.problems import Text
from applications.enterprise_credit.batch_checks import MAX_FEN, Report
from applications.enterprise_credit.check_lists import MAX_FILE, MAX_LINES, MAX_TEXT
from applications.enterprise_credit.models import CheckLine, MeasureCase
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.kinds import VERDICTS
from ratings.admin import asking
from ratings.services.imports.errors import BadValue
from ratings.services.imports.parsing import amount_parser, clean

_INPUT: Final = {"class": "cs-input"}
_FILES: Final = {"accept": ".csv,.txt,.xlsx"}
_read_yuan: Final = amount_parser(100, 0, MAX_FEN)


class CheckForm(forms.Form):
    """A list to be checked: uploaded or pasted, and what for."""

    purpose = asking.choice("用途")
    case_no = asking.line("案号或项目号", most=100, required=False)
    title = asking.line("名单名称", most=200, help_text="如：2026 年度专项补助申报企业")
    file = forms.FileField(
        label="名单文件", required=False, widget=forms.FileInput(attrs=_FILES),
        help_text=f"CSV 或 XLSX，含“统一社会信用代码”或“企业名称”列，最多 {MAX_LINES:,} 家、{MAX_FILE // 1024**2} MB。",
        error_messages={"empty": "文件是空的。"},
    )  # fmt: skip
    pasted = forms.CharField(
        label="或粘贴名单", required=False, max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={**_INPUT, "rows": 8, "spellcheck": "false"}),
        help_text="每行一家：统一社会信用代码、企业名称，或两者都写。",
    )  # fmt: skip

    def __init__(self, *args: Any, catalogue: Catalogue, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [one for one in catalogue.purposes if one.criteria]
        purpose: Any = self.fields["purpose"]
        purpose.choices = [("", "请选择"), *((one.key, one.title) for one in offered)]
        needed = "、".join(one.title for one in offered if one.case_required)
        self.fields["case_no"].help_text = f"{needed}须填写。" if needed else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = [name for name in ("file", "pasted") if cleaned.get(name)]
        if not self.errors and len(given) != 1:
            self.add_error("file", "请上传名单文件，或粘贴名单，二者只取其一。")
        return cleaned


class BulkForm(forms.Form):
    """One outcome for all lines of a verdict that have none yet."""

    verdict = asking.choice("结论")
    outcome = asking.choice("一律记为", choices=CheckLine.Outcome.choices)
    amount = forms.CharField(
        label="每家金额（元）", required=False, max_length=40,
        widget=forms.TextInput(attrs={**_INPUT, "inputmode": "decimal"}),
    )  # fmt: skip
    note = asking.line("反馈说明", most=500, required=False)

    def __init__(self, *args: Any, waiting: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        verdict: Any = self.fields["verdict"]
        verdict.choices = [
            (key, f"{label}（{waiting[key]:,} 家待反馈）")
            for key, label in VERDICTS.items()
            if waiting.get(key)
        ]

    def clean_amount(self) -> int | None:
        try:
            return fen(self.cleaned_data["amount"])
        except BadValue as bad:
            raise forms.ValidationError(f"{bad}{bad.remedy}") from bad


class OutcomeFileForm(forms.Form):
    """The checked list with its outcomes filled in."""

    file = forms.FileField(
        label="填好的核查结果", widget=forms.FileInput(attrs=_FILES),
        help_text="先下载核查结果，在“结果反馈”“金额（元）”“反馈说明”各列填写后上传；没有填的行保持不变。",
        error_messages={"required": "请选择文件。", "empty": "文件是空的。"},
    )  # fmt: skip


class CheckedSpanForm(asking.SpanForm):
    """From which day of checking to which."""

    start = asking.day("核查日自")


class HandlingForm(forms.Form):
    """What was done about a measure."""

    state = asking.choice(
        "办理结果",
        choices=[(one.value, one.label) for one in (MeasureCase.State.APPLIED, MeasureCase.State.DECLINED)],
    )
    done_on = asking.day("办理日期")
    document_no = asking.line("文书号", most=120, required=False)
    note = forms.CharField(
        label="办理情况", max_length=1000, widget=forms.Textarea(attrs={**_INPUT, "rows": 4}),
        help_text="做了什么，或为什么没有实施；记入操作记录。", error_messages={"required": "请填写办理情况。"},
    )  # fmt: skip

    def clean_done_on(self) -> date:
        found: date = self.cleaned_data["done_on"]
        if found.year < 2000:
            raise forms.ValidationError("请核对年份。")
        return found


def fen(yuan: str) -> int | None:
    """An amount typed in yuan; None where nothing was. Raises BadValue."""
    written = clean(yuan)
    return int(_read_yuan(written)) if written else None


def yuan(amount_fen: int | None) -> str:
    """Fen as they are typed in yuan: ``12345.6``."""
    return "" if amount_fen is None else f"{Decimal(amount_fen).scaleb(-2):f}".removesuffix(".00")


def typed(
    given: Mapping[str, Any], lines: list[CheckLine]
) -> tuple[list[Report], list[tuple[int, str, Text]]]:
    """What was typed for lines that a page shows, and what is wrong with it by row; untouched lines are left out."""
    reports: list[Report] = []
    faults: list[tuple[int, str, Text]] = []
    for line in lines:
        outcome, amount, note = (
            str(given.get(f"{name}-{line.row}", "")).strip() for name in ("outcome", "amount", "note")
        )
        if not (outcome or amount or note):
            continue
        try:
            report = Report(line.row, outcome, fen(amount), note)
        except BadValue as bad:
            faults.append((line.row, "amount_fen", f"{bad}{bad.remedy}"))
            continue
        if (outcome, report.amount_fen, note) != (line.outcome, line.amount_fen, line.outcome_note):
            reports.append(report)
    return reports, faults

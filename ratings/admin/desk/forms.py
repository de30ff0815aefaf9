"""Form parts of the desk: words with a limit, files of evidence, dates, a choice of pharmacy."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import site
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet


def words(label: str, *, most: int = 500, required: bool = True, help_text: str = "") -> forms.CharField:
    """A field for a few sentences."""
    return forms.CharField(
        label=label,
        max_length=most,
        required=required,
        help_text=f"{help_text}最多 {most} 字。",
        widget=forms.Textarea(attrs={"rows": 3 if most <= 500 else 6, "class": "cs-input"}),
        error_messages={"required": f"请填写{label}。"},
    )


def line(label: str, *, most: int = 100, required: bool = True, help_text: str = "") -> forms.CharField:
    """A field for one line."""
    return forms.CharField(
        label=label,
        max_length=most,
        required=required,
        help_text=help_text,
        widget=forms.TextInput(attrs={"class": "cs-input"}),
        error_messages={"required": f"请填写{label}。"},
    )


def choice(label: str, choices: Sequence[tuple[Any, Any]], **options: Any) -> forms.ChoiceField:
    """A choice of one; nothing is chosen beforehand."""
    return forms.ChoiceField(
        label=label,
        choices=[("", "请选择"), *choices],
        widget=forms.Select(attrs={"class": "cs-input"}),
        error_messages={"required": f"请选择{label}。"},
        **options,
    )


def day(label: str, **options: Any) -> forms.DateField:
    """A calendar day."""
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date", "class": "cs-input"}, format="%Y-%m-%d"),
        error_messages={"required": f"请填写{label}。", "invalid": "日期写法不对，应如 2026-01-31。"},
        **options,
    )


def row_chosen_by_typing(label: str, foreign_key: Any, rows: QuerySet, **options: Any) -> Any:
    """One of ``rows``, found as one types; ``foreign_key`` names the list that is searched."""
    return forms.ModelChoiceField(
        label=label,
        queryset=rows,
        widget=AutocompleteSelect(foreign_key, site),
        error_messages={
            "required": f"请选择{label}。",
            "invalid_choice": f"没有这个{label}，或者它不在您的管辖范围内。",
        },
        **options,
    )


class _FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; what each may be is for the evidence service to say."""

    def __init__(self, label: str = "证据材料", **options: Any) -> None:
        widget = _FilesInput(attrs={"multiple": True, "accept": ".pdf,.jpg,.jpeg,.png"})
        super().__init__(
            label=label,
            widget=widget,
            help_text=f"PDF、JPEG 或 PNG，每个不超过 {settings.EVIDENCE_MAX_MB} MB，可选多个；按内容核验。",
            error_messages={"required": "请选择文件。", "empty": "文件是空的。"},
            **options,
        )

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        """Each of the files, checked as a single one is."""
        files = [file for file in data or [] if file is not None]
        if not files:
            super().clean(None, initial)  # says so where one is demanded
        return [super(FilesField, self).clean(file, initial) for file in files]


def form_of(**fields: forms.Field) -> type[forms.Form]:
    """A form of these fields, in this order."""
    return type("DeskForm", (forms.Form,), fields)

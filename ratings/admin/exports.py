"""Export to XLSX and CSV: rows in the user's scope, formulas made harmless, on record."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import tablib  # type: ignore[import-untyped]
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import Resource
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from unfold.contrib.import_export.forms import ExportForm

from ratings.services.audit import Actor, record

#: No export holds more rows: it is built in memory and read by people.
MAX_ROWS = 100_000
#: Full-width signs too: spreadsheet programs in Chinese and Japanese read them as the plain ones.
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet program takes for a formula; numbers stay numbers."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    # Programs skip blanks before a formula; some of its marks are blanks themselves.
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


class SafeCSV(CSV):
    """CSV with a byte-order mark, so that spreadsheet programs read Chinese right."""

    def get_title(self) -> str:
        return "CSV"

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> str:
        out = io.StringIO()
        out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
        writer = csv.writer(out)
        writer.writerow(map(harmless, dataset.headers))
        writer.writerows([harmless(cell) for cell in row] for row in dataset)
        return out.getvalue()


class SafeXLSX(XLSX):
    """XLSX written row by row."""

    def get_title(self) -> str:
        return "XLSX"

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        book = Workbook(write_only=True)
        sheet = book.create_sheet("数据")
        sheet.freeze_panes = "A2"
        sheet.append([harmless(header) for header in dataset.headers])
        for row in dataset:
            sheet.append([harmless(cell) for cell in row])
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()


class ColumnsResource(Resource):
    """An export made of columns, without per-field machinery."""

    columns: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def get_display_name(cls) -> str:
        return "全部列"

    def get_export_headers(self, selected_fields: Any = None) -> list[str]:
        return [header for header, _ in self.columns]

    def iter_queryset(self, queryset: QuerySet) -> Iterator[Any]:
        """In chunks, with what is prefetched."""
        return queryset.iterator(chunk_size=2000)

    def export_resource(self, instance: Any, selected_fields: Any = None, **kwargs: Any) -> list[Any]:
        return [cell(instance) for _, cell in self.columns]

    def get_user_visible_fields(self) -> list[Any]:
        return []


class ExportAdmin(ExportMixin):
    """Adds export to a list; filters and search of the list apply.

    Who may export: who may see the list; the rows are those of the list.
    """

    export_form_class = ExportForm
    export_formats = [SafeXLSX, SafeCSV]
    export_columns: tuple[tuple[str, Any], ...] = ()
    import_export_change_list_template = "admin/import_export/change_list_export.html"

    def get_export_resource_classes(self, request: HttpRequest) -> list[type[Resource]]:
        return [type("Columns", (ColumnsResource,), {"columns": self.columns_for(request)})]

    def columns_for(self, request: HttpRequest) -> tuple[tuple[str, Any], ...]:
        """(header, cell of row) pairs."""
        return self.export_columns

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """The choice of format, then the file."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        rows = self.get_export_queryset(request).order_by().values("pk")[: MAX_ROWS + 1].count()
        if rows > MAX_ROWS:
            messages.error(request, f"导出最多 {MAX_ROWS:,} 行：请先用筛选缩小范围。")
            return HttpResponseRedirect(f"../?{request.GET.urlencode()}")
        return super().export_action(request)

    def init_request_context_data(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        context = super().init_request_context_data(request, form)
        context["title"] = f"导出{self.opts.verbose_name}"
        context["fields_list"] = [("", [header for header, _ in self.columns_for(request)])]
        return context

    def get_export_data(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet, **kwargs: Any
    ) -> Any:
        dataset = self.get_data_for_export(request, queryset, **kwargs)
        data = file_format.export_data(dataset)
        record(
            "导出",
            self.model._meta.label_lower,
            by=Actor.of(request),
            format=file_format.get_title(),
            rows=len(dataset),
            filters=request.GET.dict(),
        )
        return data

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[Any]:
        """Rows are chosen by filters, never one by one."""
        return []

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet, file_format: Any) -> str:
        name = self.model._meta.model_name
        return f"{name}-{timezone.localdate():%Y%m%d}.{file_format.get_extension()}"

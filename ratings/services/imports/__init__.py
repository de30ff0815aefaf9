"""Imports of registry and facts from CSV and XLSX: checked first, then accepted whole.

>>> batch = check_import("payments", file, "payments.csv", by=actor)
>>> batch.added, batch.changed, batch.unchanged, batch.refused, batch.problems
>>> accept_import(batch, by=actor)

Errors for people are :class:`ImportStopped` (``message``, ``remedy``, in Chinese).
``batch.mapping`` keeps how the file was read: ``columns`` {their header: our column},
``defaults``, ``sheet``, ``read_as`` {format, encoding, delimiter, header_line, rows,
ignored_columns}. ``batch.problems`` is a list of {line, column, value, message, remedy}.
"""

from ratings.services.imports.columns import Column, Kind
from ratings.services.imports.errors import (
    BatchNotOpen,
    DatabaseRefused,
    ImportStopped,
    RowsRefused,
    UnknownKind,
    UnreadableFile,
)
from ratings.services.imports.job import Progress
from ratings.services.imports.kinds import kind_named, kinds
from ratings.services.imports.reports import problems_csv, template_csv
from ratings.services.imports.service import (
    accept_import,
    check_import,
    drop_import,
    import_file,
)

__all__ = [
    "BatchNotOpen",
    "Column",
    "DatabaseRefused",
    "ImportStopped",
    "Kind",
    "Progress",
    "RowsRefused",
    "UnknownKind",
    "UnreadableFile",
    "accept_import",
    "check_import",
    "drop_import",
    "import_file",
    "kind_named",
    "kinds",
    "problems_csv",
    "template_csv",
]

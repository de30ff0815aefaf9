"""Documents that were issued, as whoever holds one may find them: by the code that it bears, or by the file itself."""

import re
import unicodedata
from typing import Final

from ratings.models import IssuedDocument
from ratings.models.documents import CODE

#: Letters that no code has, for the digits that they are read from.
_MISREAD: Final = str.maketrans("OIL", "011")
_CODE: Final = re.compile(CODE)


def read_code(typed: str) -> str:
    """The verification code that is meant, whether or not a document bears it; "" where it can be none.

    It may be typed in small or full-width letters, with blanks and dashes, with O for 0 and I or L for 1.
    """
    plain = unicodedata.normalize("NFKC", typed[:100]).upper()
    code = "".join(mark for mark in plain if mark.isalnum()).translate(_MISREAD)
    return code if _CODE.fullmatch(code) else ""


def issued_document(sha256: str) -> str | None:
    """The code of the document that is this very file, by its SHA-256 (64 lower-case hexadecimal digits); None for one that we did not issue."""
    return IssuedDocument.objects.filter(sha256=sha256).values_list("code", flat=True).first()

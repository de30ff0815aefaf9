"""Names of enterprises as they are compared."""

import re
import unicodedata
from typing import Final

_APART: Final = re.compile(r"[\W_]+")


def name_key(name: str) -> str:
    """A name without what people write differently: width, case, brackets, blanks, marks."""
    return _APART.sub("", unicodedata.normalize("NFKC", name).casefold())[:200]

"""Names of enterprises as they are compared, and as they are found."""

import re
import unicodedata
from typing import Final

from creditsys.spelling import spell

_APART: Final = re.compile(r"[\W_]+")


def name_key(name: str) -> str:
    """A name without what people write differently: width, case, brackets, blanks, marks."""
    return _APART.sub("", unicodedata.normalize("NFKC", name).casefold())[:200]


def grams(name: str) -> list[int]:
    """The pieces of a name (characters, pinyin, first letters) that an index leads from; see searching.py."""
    return spell(name).grams

"""How names are found by what people type: Chinese, pinyin, or the first letters of the pinyin.

A pharmacy (or an enterprise, which has no address here) is kept as two texts, where what was typed is looked for:

- ``text``: name and address in small letters;
- ``spelled``: the pinyin of the name, run together, as it is spoken and character by character (长 is both
  chang and zhang); and its first letters, in capitals;

and as ``grams``, the short pieces of both, which an index leads from. One piece that is rare is enough to be
led to few rows, however common the rest of what was typed: characters by one and two; pinyin by five letters,
and from the beginning of a syllable by three and four; first letters by two and three.
"""

import functools
import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final
from zlib import crc32

from pypinyin import lazy_pinyin
from pypinyin.seg.mmseg import seg

_APART: Final = re.compile(r"[\W_]+")
_LATIN: Final = re.compile(r"[a-z]+")
_CODE: Final = re.compile(r"p[1-8]\d{0,10}")
_UNSAID: Final = re.compile("[^a-z0-9]+")
#: How long pieces of pinyin and of first letters are at the most; words of fewer letters are one piece.
_PINYIN: Final = 5
_LETTERS: Final = 3


@dataclass(frozen=True, slots=True)
class Spelling:
    text: str
    spelled: str
    grams: list[int]


def plain(text: str) -> str:
    """Full-width letters made plain, small letters, and blanks for all that is neither letter nor digit."""
    return _APART.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def spell(name: str, address: str = "") -> Spelling:
    """What is kept of a pharmacy or an enterprise to find it by."""
    # Names are typed with their brackets or without.
    called = plain(name).replace(" ", "")
    text = f"{called} {plain(address)}".strip()
    spoken = [syllable for word in seg.cut(called) for syllable in _read(word)]
    single = [syllable for character in called for syllable in _read(character)]
    letters = "".join(syllable[0] for syllable in spoken).upper()
    pieces = {*_pieces(letters, 2), *_pieces(letters, _LETTERS)}
    for word in text.split():
        pieces.update(word, _pieces(word, 2))
    readings = {"".join(syllables): syllables for syllables in (spoken, single)}
    for run, syllables in readings.items():
        pieces.update(_pieces(run, _PINYIN))
        begins = [0, *accumulate(map(len, syllables[:-1]))]
        pieces.update(run[at : at + length] for at in begins for length in range(_LETTERS, _PINYIN))
    return Spelling(text, " ".join((*readings, letters)), sorted(map(_gram, pieces)))


@functools.lru_cache(maxsize=30_000)
def _read(word: str) -> tuple[str, ...]:
    """The syllables of a word; of what is no Chinese, letters and digits stay, each by itself."""
    said = (_UNSAID.sub("", syllable.lower()) for syllable in lazy_pinyin(word, errors=_one_by_one))
    return tuple(syllable for syllable in said if syllable)


def _one_by_one(text: str) -> Any:
    return list(text)


def _pieces(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(len(text) - length + 1)]


@functools.lru_cache(maxsize=100_000)
def _gram(piece: str) -> int:
    """A number for a piece, within PostgreSQL's integer. Two pieces may share one: the texts decide."""
    return crc32(piece.encode()) - 2**31


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word may mean: all of ``grams``, and ``pattern`` (for LIKE) in a column of the place."""

    column: str
    pattern: str
    grams: list[int]


@dataclass(frozen=True, slots=True)
class Word:
    """One word that was typed: the beginning of a designated code, or any of its meanings."""

    code: str = ""
    meanings: tuple[Meaning, ...] = ()


def words(typed: str) -> list[Word]:
    """The words of a search. Letters are pinyin or first letters; of one letter alone nothing comes."""
    return [
        _word(word)
        for word in plain(typed).split()
        if not (len(word) == 1 and word.isascii() and word.isalpha())
    ]


def _word(word: str) -> Word:
    if _CODE.fullmatch(word):
        return Word(code=word.upper())
    if not _LATIN.fullmatch(word):
        return Word(meanings=(_meaning("text", word, 2),))
    letters = _meaning("spelled", word.upper(), _LETTERS)
    if len(word) < _LETTERS:
        return Word(meanings=(letters,))
    return Word(meanings=(_meaning("spelled", word, _PINYIN), letters))


def _meaning(column: str, word: str, longest: int) -> Meaning:
    """A word in pieces of this length, or the whole of a shorter one."""
    pieces = _pieces(word, min(longest, len(word)))
    return Meaning(column, f"%{word}%", sorted(set(map(_gram, pieces))))

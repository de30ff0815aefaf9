"""How names are found by what people type: Chinese, pinyin, or the first letters of the pinyin.

A name is kept in three texts, each with a trigram index or reading of its own:

- ``text``: name and address in small letters, where a Chinese word is looked for;
- ``reading``: one reading of every character of ``text``, apart by blanks. Each character always has the
  same reading here, whatever stands beside it, so that a word typed has the reading that it has within a
  name: its only use is to lead to the few rows whose ``text`` is then looked at;
- ``spelled``: the pinyin of the name, run together, as it is spoken and character by character; then its
  first letters, whole and in pairs.

PostgreSQL's trigrams ignore Chinese under the C locale, hence readings; and they do not reach
words of two letters except at the beginning of a word, hence pairs.
"""

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from pypinyin import lazy_pinyin

_APART: Final = re.compile(r"[\W_]+")
_LATIN: Final = re.compile(r"[a-z]+")
_CODE: Final = re.compile(r"p[1-8]\d{0,10}")
#: PostgreSQL's trigrams are of letters and digits of ASCII here; anything else has this reading.
_OTHER: Final = "x"
_UNSAID: Final = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Spelling:
    text: str
    reading: str
    spelled: str


def plain(text: str) -> str:
    """Full-width letters made plain, small letters, and blanks for all that is neither letter nor digit."""
    return _APART.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def spell(name: str, address: str) -> Spelling:
    """The three texts of a pharmacy."""
    text = f"{plain(name)} {plain(address)}".strip()
    called = plain(name).replace(" ", "")
    syllables = lazy_pinyin(called, errors=_one_by_one)
    letters = "".join(syllable[0] for syllable in syllables)
    pairs = (letters[at : at + 2] for at in range(len(letters) - 1))
    found = ("".join(syllables), "".join(map(read, called)), letters, *pairs)
    spelled = dict.fromkeys(_UNSAID.sub("", word.lower()) for word in found)
    return Spelling(text, readings(text), f" {' '.join(word for word in spelled if word)}")


def readings(text: str) -> str:
    """``海王`` as `` hai wang ``: blanks also at both ends."""
    return f" {' '.join(read(character) for character in text if character != ' ')} "


@functools.lru_cache(maxsize=30_000)
def read(character: str) -> str:
    """The reading of one character by itself; of a letter or digit, itself."""
    found = "".join(lazy_pinyin(character, errors="default")).lower()
    return found if found.isascii() and found.isalnum() else _OTHER


def _one_by_one(text: str) -> Any:
    """What is no Chinese stays, a character a syllable; pypinyin takes a list for several."""
    return list(text)


@dataclass(frozen=True, slots=True)
class Word:
    """One word that was typed, as patterns for LIKE: every one that is given must fit.

    ``code`` is the beginning of a designated code; it may be meant as that or as a text.
    """

    text: str = ""
    reading: str = ""
    spelled: str = ""
    code: str = ""


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
    if _LATIN.fullmatch(word):
        return Word(spelled=f"% {word}%" if len(word) == 2 else f"%{word}%")
    return Word(text=f"%{word}%", reading=f"%{readings(word)}%")

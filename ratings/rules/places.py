"""On which line of a document a problem lies, for whoever mends it."""

import re
from collections.abc import Sequence
from typing import Final

from ratings.rules.limits import TOKEN
from ratings.rules.problems import Path, Problem

_LINE: Final = re.compile(r"第(\d+)行")
_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def line_numbers(text: str, problems: Sequence[Problem]) -> list[int]:
    """For each problem of ``text`` its line from 1: that of the innermost part of its path that is written."""
    lines = max(1, len(text.rstrip().split("\n")))
    known: dict[Path, int] | None = None
    found = []
    for problem in problems:
        located = _LINE.match(problem.path)
        if located:
            found.append(min(int(located[1]), lines))
        elif problem.path == "文件末尾":
            found.append(lines)
        else:
            if known is None:
                known = _lines_of_parts(text)
            found.append(_line(known, _parts(problem.path)))
    return found


def _parts(path: str) -> Path:
    """``indicators[2].floor`` as ("indicators", 2, "floor")."""
    return tuple(int(number) if number else key for number, key in _PART.findall(path))


def _line(known: dict[Path, int], path: Path) -> int:
    return next((known[path[:size]] for size in range(len(path), 0, -1) if path[:size] in known), 1)


def _lines_of_parts(text: str) -> dict[Path, int]:
    """Every key and list item of a document that TOML can read, with the line on which it begins."""
    document = _Document()
    line = 1
    for match in TOKEN.finditer(text):
        piece = match[0]
        if not piece.startswith("#"):
            document.take(piece, line)
        line += piece.count("\n")
    document.take("\n", line)
    return document.found


class _Document:
    """A document being read: where its headers, keys and list items begin."""

    def __init__(self) -> None:
        self.found: dict[Path, int] = {}
        #: the number of the last item of each list of sections
        self._lists: dict[Path, int] = {}
        #: under which keys stand at this moment
        self._above: Path = ()
        #: of the statement so far
        self._words: list[str] = []
        self._value: _Value | None = None

    def take(self, piece: str, line: int) -> None:
        """Go on by one piece of the text."""
        if self._value is not None:
            if piece != "\n":
                self._value.take(piece, line, self.found)
            elif not self._value.open:
                self._value, self._words = None, []
        elif piece == "\n":
            if self._words[:1] == ["["]:
                self._header(line)
            self._words = []
        elif piece == "=" and self._words and self._words[0] != "[":
            path = (*self._above, *_keys(self._words))
            self.found.setdefault(path, line)
            self._value = _Value(path)
        else:
            self._words.append(piece)

    def _header(self, line: int) -> None:
        """``[a.b]``, or with two brackets one more item of a list."""
        keys = _keys(self._words)
        above: Path = ()
        for place, key in enumerate(keys, 1):
            above = (*above, key)
            self.found.setdefault(above, line)
            if self._words[:2] == ["[", "["] and place == len(keys):
                self._lists[above] = self._lists.get(above, -1) + 1
            if above in self._lists:
                above = (*above, self._lists[above])
                self.found.setdefault(above, line)
        self._above = above


def _keys(words: Sequence[str]) -> Path:
    """The keys of a header or before an equals sign, without quotes."""
    keys: list[str] = []
    for word in words:
        if word[0] in "\"'":
            keys.append(word[1:-1])
        elif word not in "[]":
            keys += [part for part in word.split(".") if part]
    return tuple(keys)


class _Value:
    """A value being read: which part of it comes next."""

    def __init__(self, path: Path) -> None:
        #: of each bracket that is open: its path, and the number of the item (None in braces)
        self.open: list[tuple[Path, int | None]] = []
        self.path = path
        self.words: list[str] = []
        self.expects_key = False

    def take(self, piece: str, line: int, found: dict[Path, int]) -> None:
        """Go on by one piece."""
        if self.expects_key and piece not in "=,}":
            self.words.append(piece)
        elif piece == "=" and self.expects_key:
            self.path = (*self.open[-1][0], *_keys(self.words))
            found.setdefault(self.path, line)
            self.words, self.expects_key = [], False
        elif piece in "]}":
            if self.open:
                self.open.pop()
            self.expects_key = False
        elif piece == ",":
            self._next()
        else:
            self._begin(piece, line, found)

    def _next(self) -> None:
        if not self.open:
            return
        path, number = self.open[-1]
        self.words, self.expects_key = [], number is None
        if number is not None:
            self.open[-1] = (path, number + 1)

    def _begin(self, piece: str, line: int, found: dict[Path, int]) -> None:
        if self.open and self.open[-1][1] is not None:
            path, number = self.open[-1]
            self.path = (*path, number) if number is not None else path
            found.setdefault(self.path, line)
        if piece == "[":
            self.open.append((self.path, 0))
        elif piece == "{":
            self.open.append((self.path, None))
            self.words, self.expects_key = [], True

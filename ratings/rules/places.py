"""On which line of a document a problem lies, for whoever mends it."""

import re
from collections.abc import Callable, Iterator, Sequence
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
    found: dict[Path, int] = {}
    lists: dict[Path, int] = {}
    above: Path = ()
    for line, kind, keys in _statements(text, found, lambda: above):
        if kind == "key":
            found.setdefault(keys, line)
            continue
        above = ()
        for place, key in enumerate(keys, 1):
            above = (*above, key)
            found.setdefault(above, line)
            if kind == "list" and place == len(keys):
                lists[above] = lists.get(above, -1) + 1
            if above in lists:
                above = (*above, lists[above])
                found.setdefault(above, line)
    return found


def _statements(text: str, found: dict[Path, int], above: Callable[[], Path]) -> Iterator[tuple[int, str, Path]]:
    """(line, "table" | "list" | "key", path) of each statement; what lies inside a value goes into ``found``."""
    line = 1
    words: list[str] = []
    value: _Value | None = None
    for match in TOKEN.finditer(text):
        token, here = match[0], line
        line += token.count("\n")
        if token.startswith("#"):
            continue
        if value is not None:
            if token == "\n" and not value.open:
                value, words = None, []
            elif token != "\n":
                value.take(token, here, found)
        elif token == "\n":
            if words and words[0] == "[":
                yield here, "list" if words[:2] == ["[", "["] else "table", _keys(words)
            words = []
        elif token == "=" and words and words[0] != "[":
            path = (*above(), *_keys(words))
            yield here, "key", path
            value = _Value(path)
        else:
            words.append(token)
    if words and words[0] == "[":
        yield line, "list" if words[:2] == ["[", "["] else "table", _keys(words)


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

    def take(self, token: str, line: int, found: dict[Path, int]) -> None:
        """Go on by one token."""
        if self.expects_key and token not in "=,}":
            self.words.append(token)
        elif token == "=" and self.expects_key:
            self.path = (*self.open[-1][0], *_keys(self.words))
            found.setdefault(self.path, line)
            self.words, self.expects_key = [], False
        elif token in "]}":
            if self.open:
                self.open.pop()
            self.expects_key = False
        elif token == ",":
            self._next()
        else:
            self._begin(token, line, found)

    def _next(self) -> None:
        if not self.open:
            return
        path, number = self.open[-1]
        self.words, self.expects_key = [], number is None
        if number is not None:
            self.open[-1] = (path, number + 1)

    def _begin(self, token: str, line: int, found: dict[Path, int]) -> None:
        if self.open and self.open[-1][1] is not None:
            path, number = self.open[-1]
            self.path = (*path, number) if number is not None else path
            found.setdefault(self.path, line)
        if token == "[":
            self.open.append((self.path, 0))
        elif token == "{":
            self.open.append((self.path, None))
            self.words, self.expects_key = [], True

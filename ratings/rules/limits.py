"""What no document may be, so that reading it takes a moment whatever it holds.

A document may come from anybody who may open the page for drafts. Deep nesting, keys of many parts and
endless numbers are refused before the TOML reader sees them; it would take minutes over some of them.
"""

import re
from typing import Final

from ratings.rules.problems import Problem, SchemeError

#: Brackets within brackets; documents have five.
_MOST_DEPTH: Final = 40
#: Parts of one key, and characters of a word or number outside quotes.
_MOST_PARTS: Final = 20
_MOST_LENGTH: Final = 100
#: Problems that are listed; the rest is found once these are mended.
MOST_PROBLEMS: Final = 100

#: Strings, comments, ends of lines, marks, and runs of anything else. An unclosed string of several
#: lines runs to the end, so that this takes a time in proportion to the text.
TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)|\'\'\'.*?(?:\'\'\'|\Z)|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
    r"|\n|[\[\]{},=]|[^\s\[\]{},=\"'#]+",
    re.DOTALL,
)


def check_limits(text: str, file: str) -> None:
    """Raises SchemeError, naming the line, where ``text`` is nested too deep or has endless keys or numbers."""
    depth = parts = 0
    for match in TOKEN.finditer(text):
        piece = match[0]
        if piece in "[{":
            depth += 1
            if depth > _MOST_DEPTH:
                raise _refused(text, match, file, f"括号嵌套超过 {_MOST_DEPTH} 层。", "减少嵌套的层数。")
        elif piece in "]}":
            depth = max(0, depth - 1)
        if piece in "[]{},=\n" or piece[0] == "#":
            parts = 0
            continue
        if piece[0] in "\"'":
            parts += 1
        else:
            parts += piece.count(".") + 1
            if len(piece) > _MOST_LENGTH:
                what = f"“{piece[:20]}……”共 {len(piece)} 个字符，过长。"
                raise _refused(text, match, file, what, f"键和数不超过 {_MOST_LENGTH} 个字符；文字加引号。")
        if parts > _MOST_PARTS:
            raise _refused(
                text, match, file, "键由过多的部分组成。", f"键不超过 {_MOST_PARTS} 个部分，例如 a.b。"
            )


def _refused(text: str, match: re.Match[str], file: str, what: str, remedy: str) -> SchemeError:
    line = text.count("\n", 0, match.start()) + 1
    return SchemeError([Problem(file, f"第{line}行", "", what, remedy)])

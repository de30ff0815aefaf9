"""From the bytes of a TOML document to its model, collecting all problems."""

import copy
import re
import tomllib
import unicodedata
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ratings.rules.limits import MOST_PROBLEMS, check_limits
from ratings.rules.problems import Path, Problem, SchemeError
from ratings.rules.translation import Written, allowed_keys, document_path, node_at, suggestion, translate

Document = TypeVar("Document", bound=BaseModel)

_SYNTAX: Final = {
    "Expected '=' after a key": "键之后缺少等号。",
    "Invalid value": "值的写法有误。",
    "Cannot overwrite a value": "同一个键写了两次。",
    "Cannot declare": "同一个分段写了两次。",
    "Unclosed array": "列表缺少右方括号。",
    "Unclosed inline table": "花括号没有闭合。",
    "Unterminated string": "文字缺少右引号。",
    "Illegal character": "文字中有不允许的字符（可能缺少引号）。",
    "Expected newline or end of document": "值之后有多余的内容。",
    "Expected ']'": "分段标题缺少右方括号。",
    "Expected ']]'": "分段标题缺少右方括号。",
    "Invalid initial character for a key part": "键的写法有误。",
    "Invalid statement": "这一行无法识别。",
    "Invalid date or datetime": "没有这一天或这一时刻。",
    "Duplicate inline table key": "花括号内同一个键写了两次。",
}
_PLACE: Final = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")

#: Strings and comments, then the first character that is not ASCII. A string without its closing
#: quote ends before a full-width one, which was meant to close it.
_FOREIGN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"|"[^”＂\n]*'
    r"|'''.*?(?:'''|\Z)|'[^'\n]*'|'[^’＇\n]*|#[^\n]*"
    r"|(?P<digits>[０-９]+)|(?P<other>[^\x00-\x7f])",
    re.DOTALL,
)
#: Full-width characters that Chinese input methods give: name as shown, what to type instead.
_FULL_WIDTH: Final = {
    character: words
    for characters, *words in (
        ("“”＂", "引号“ ”", '"'),
        ("‘’＇", "引号‘ ’", "'"),
        ("［］【】〔〕", "方括号", "[ ]"),
        ("｛｝", "花括号", "{ }"),
        ("，、", "逗号或顿号", ","),
        ("＝", "等号", "="),
        ("．。", "句点", "."),
        ("：", "冒号", "="),
        ("－—–", "减号", "-"),
        ("＃", "井号", "#"),
        ("\u3000", "空格", "空格"),
    )
    for character in characters
}
_DAY: Final = re.compile(r"=\s*(\d{4}-\d{1,2}-\d{1,2})\s*(?:#.*)?$")


def read_tree(text: bytes, file: str) -> dict[str, Any]:
    """The document as nested dicts and lists; numbers with a point become Decimal.

    Raises SchemeError naming line and column.
    """
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise SchemeError(
            [Problem(file, f"第{line}行", "", "不是 UTF-8 编码。", "用 UTF-8 编码另存后再试。")]
        ) from error
    if not decoded.strip():
        raise SchemeError([Problem(file, "（全文）", "", "文件是空的。", "写入评价规则。")])
    check_limits(decoded, file)
    try:
        return tomllib.loads(decoded, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SchemeError([_syntax_problem(decoded.replace("\r\n", "\n"), file, str(error))]) from error


def _syntax_problem(text: str, file: str, message: str) -> Problem:
    """What the TOML parser could not read, with the likeliest slip on that line."""
    found = _PLACE.search(message)
    located = found is not None and found[1] is not None
    number = int(found[1]) if found and located else text.rstrip().count("\n") + 1
    line = text.split("\n")[number - 1]
    start = sum(len(other) + 1 for other in text.split("\n")[: number - 1])
    for foreign in _FOREIGN.finditer(text):
        if start <= foreign.start() <= start + len(line) and foreign.lastgroup:
            told = _full_width(foreign[0])
            if told:
                place = f"第{number}行第{foreign.start() - start + 1}列"
                return Problem(file, place, "", *told)
            break
    day = _DAY.search(line)
    if day:
        place = f"第{number}行第{day.start(1) + 1}列"
        if len(day[1]) == len("2026-01-01"):
            return Problem(file, place, "", f"没有 {day[1]} 这一天。", "写实有的日期，例如 2026-01-01。")
        return Problem(file, place, "", f"“{day[1]}”不是日期。", "月、日各写两位，例如 2026-01-01。")
    place = f"第{number}行第{found[2]}列" if found and located else "文件末尾"
    known = next((zh for en, zh in _SYNTAX.items() if message.startswith(en)), None)
    what = known or f"不符合 TOML 语法（{message}）。"
    return Problem(file, place, "", what, "改正此处（或其上一行）的书写后再试。")


def _full_width(given: str) -> tuple[str, str] | None:
    """What to say of full-width characters; None for other text, which only lacks its quotes."""
    if given in _FULL_WIDTH:
        name, half = _FULL_WIDTH[given]
        shown = "" if given in "“”‘’\u3000" else given
        return f"此处用了全角{name}{shown}。", f"请改用半角 {half}。" if half != name else "请改用半角空格。"
    half = unicodedata.normalize("NFKC", given)
    if half != given and half.isascii():
        kind = "数字" if half.isdigit() else "字符"
        return f"此处用了全角{kind}{given}。", f"请改用半角 {half}。"
    return None


def read_document(
    text: bytes, file: str, model: type[Document]
) -> tuple[Document | None, dict[str, Any], list[Problem]]:
    """The document of a model (None where its shape is too far off), its tree, and problems of shape.

    A slip that shows its own cure (a misspelt key, too many decimals, a number in quotes) is
    reported and then mended in a copy, so that what else is wrong is found in the same pass.
    """
    mended = read_tree(text, file)
    tree = Written(copy.deepcopy(mended))
    problems: list[Problem] = []
    settled: set[Path] = set()
    for _ in range(3):
        try:
            return model.model_validate(mended), tree, problems
        except ValidationError as failure:
            errors = failure.errors(include_url=False)[:MOST_PROBLEMS]
        guesses = [_guess(mended, model, error) for error in errors]
        cures = [
            cure for error, near in zip(errors, guesses, strict=True) if (cure := _cure(mended, error, near))
        ]
        renamed = {path for path, value in cures if value not in (_DROP, _UNSTATED)}
        for error, near in zip(errors, guesses, strict=True):
            path = document_path(error)
            if error["type"] == "too_short" and len(_beneath(path, errors)) > 1:
                # Faulty items are not counted: the list is short only because of them.
                continue
            if path in settled or (error["type"] == "missing" and path in renamed):
                continue
            settled.add(path)
            problems.append(translate(tree, file, model, error, near))
            if near:
                tree.renamed[(*path[:-1], near)] = path
        if not cures:
            break
        for path, value in cures:
            parent = node_at(mended, path[:-1])
            if value is _DROP:
                parent.pop(path[-1], None)
            else:
                parent[path[-1]] = value
    return None, tree, problems


def _beneath(path: Path, errors: list[ErrorDetails]) -> list[Path]:
    """Paths of errors at ``path`` and inside it."""
    places = [document_path(error) for error in errors]
    return [place for place in places if place[: len(path)] == path]


_DROP: Final = object()
#: Stands for a text that is missing, so that reading can go on.
_UNSTATED: Final = "（未写）"


def _guess(tree: dict[str, Any], model: type[BaseModel], error: ErrorDetails) -> str | None:
    """The key that an unknown one was meant to be: clearly near, unwritten, and right for its value."""
    if error["type"] != "extra_forbidden":
        return None
    path = document_path(error)
    known = allowed_keys(model, error["loc"][:-1])
    near = suggestion(str(path[-1]), known, cutoff=0.75)
    parent = node_at(tree, path[:-1])
    if near is None or near in parent:
        return None
    written = dict(parent)
    parent[near] = parent.pop(path[-1])
    try:
        model.model_validate(tree)
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_input=False)
        if (*path[:-1], near) in map(document_path, found):
            return None
    finally:
        parent.clear()
        parent.update(written)
    return near


def _cure(tree: dict[str, Any], error: ErrorDetails, near: str | None) -> tuple[Path, object] | None:
    """Where and what to write so that reading can go on; None where that would be a guess."""
    path = document_path(error)
    parent = node_at(tree, path[:-1])
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        value = parent.pop(path[-1])
        if near:
            return (*path[:-1], near), value
        return path, _DROP
    if kind == "too_fine":
        places = int(error["ctx"]["places"])
        return path, Decimal(given).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if kind == "string_too_short" or (kind == "missing" and path[-1] == "clause"):
        return path, _UNSTATED
    if kind == "string_type" and isinstance(given, int | Decimal):
        return path, str(given)
    if kind == "not_a_number" and isinstance(given, str):
        with suppress(ArithmeticError):
            return path, Decimal(given)
    if kind == "not_a_date" and isinstance(given, str):
        with suppress(ValueError):
            return path, date.fromisoformat(given)
    return None

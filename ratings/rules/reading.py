"""From the bytes of a TOML document to a :class:`SchemeDocument`, collecting all problems."""

import copy
import re
import tomllib
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ratings.rules.document import SchemeDocument
from ratings.rules.problems import Path, Problem, SchemeError
from ratings.rules.translation import allowed_keys, document_path, node_at, suggestion, translate

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
    "Duplicate inline table key": "花括号内同一个键写了两次。",
}
_PLACE: Final = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")


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
    try:
        return tomllib.loads(decoded, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _PLACE.search(message)
        place = f"第{found[1]}行第{found[2]}列" if found and found[1] else "文件末尾"
        known = next((zh for en, zh in _SYNTAX.items() if message.startswith(en)), None)
        what = known or f"不符合 TOML 语法（{message}）。"
        raise SchemeError([Problem(file, place, "", what, "改正此处（或其上一行）的书写后再试。")]) from error


def read_document(text: bytes, file: str) -> tuple[SchemeDocument | None, dict[str, Any], list[Problem]]:
    """The document (None where its shape is too far off), its tree, and problems of shape.

    A slip that shows its own cure (a misspelt key, too many decimals, a number in quotes) is
    reported and then mended in a copy, so that what else is wrong is found in the same pass.
    """
    tree = read_tree(text, file)
    mended = copy.deepcopy(tree)
    problems: list[Problem] = []
    settled: set[Path] = set()
    for _ in range(3):
        try:
            return SchemeDocument.model_validate(mended), tree, problems
        except ValidationError as failure:
            errors = failure.errors(include_url=False)
        cures = [cure for error in errors if (cure := _cure(mended, error))]
        renamed = {path for path, value in cures if value not in (_DROP, _UNSTATED)}
        for error in errors:
            path = document_path(error)
            if error["type"] == "too_short" and len(_beneath(path, errors)) > 1:
                # Faulty items are not counted: the list is short only because of them.
                continue
            if path in settled or (error["type"] == "missing" and path in renamed):
                continue
            settled.add(path)
            problems.append(translate(tree, file, SchemeDocument, error))
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


def _cure(tree: dict[str, Any], error: ErrorDetails) -> tuple[Path, object] | None:
    """Where and what to write so that reading can go on; None where that would be a guess."""
    path = document_path(error)
    parent = node_at(tree, path[:-1])
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        near = suggestion(str(path[-1]), allowed_keys(SchemeDocument, error["loc"][:-1]))
        value = parent.pop(path[-1])
        if near and near not in parent:
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

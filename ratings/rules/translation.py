"""Pydantic's findings about a document's shape, told in Chinese with clause and remedy."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ratings.rules.problems import Path, Problem, path_text

Tree = Mapping[str, Any]

_PLAIN: dict[str, tuple[str, str]] = {
    "missing": ("缺少必写的 {key}。", "补上 {key}{hint}。"),
    "string_type": ("“{value}”不是文字。", '用英文引号括起来，例如 "A"。'),
    "string_too_short": ("文字为空。", "写明内容。"),
    "string_too_long": ("“{value}”过长。", "不超过 {max_length} 个字。"),
    "bool_type": ("“{value}”不是 true 或 false。", "写 true 或 false，不带引号。"),
    "tuple_type": ("“{value}”不是列表。", "写成 [ … ]，或用 [[…]] 分段书写。"),
    "model_type": ("“{value}”不是一组键值。", "写成 { 键 = 值, … }，或用 [{key}] 分段书写。"),
    "model_attributes_type": ("“{value}”不是一组键值。", "写成 { 键 = 值, … }。"),
    "too_short": ("列表为空或过短。", "至少写 {min_length} 项。"),
    "too_long": ("列表过长。", "最多写 {max_length} 项。"),
    "literal_error": ("“{value}”不在允许的取值之列。", ""),
    "union_tag_invalid": ("“{tag}”不是允许的 {discriminator}。", ""),
    "union_tag_not_found": ("缺少必写的 {discriminator}。", "补上 {discriminator}。"),
    "string_pattern_mismatch": (
        "“{value}”不是规范的代码。",
        "以小写英文字母开头，只用小写英文字母、数字和下划线（规则代码用连字符）。",
    ),
}


def node_at(tree: Any, path: Path) -> Any:
    """The value at ``path``, None where the document has nothing there."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def nearest_clause(tree: Tree, path: Path) -> str:
    """The clause stated by the innermost part around ``path``."""
    for length in range(len(path), -1, -1):
        part = node_at(tree, path[:length])
        if isinstance(part, dict) and isinstance(part.get("clause"), str):
            return str(part["clause"])
    return ""


def problem_at(tree: Tree, file: str, path: Path, what: str, remedy: str) -> Problem:
    """A problem at ``path``, with the clause found there."""
    return Problem(file, path_text(path), nearest_clause(tree, path), what, remedy)


def document_path(error: ErrorDetails) -> Path:
    """Where the error lies in the document: pydantic's location without union tags."""
    location = error["loc"]
    if len(location) > 2 and location[0] == "indicators":
        return (*location[:2], *location[3:])
    if len(location) > 1 and location[0] == "bands":
        return (location[0], *location[2:])
    return location


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows references and optional values to the schema of the part itself."""
    while True:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in schema:
            schema = next(branch for branch in schema["anyOf"] if branch.get("type") != "null")
        else:
            return schema


def allowed_keys(model: type[BaseModel], location: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the part at pydantic's ``location`` (union tags included) may have."""
    root = model.model_json_schema(by_alias=True)
    schema: Mapping[str, Any] = root
    for part in location:
        schema = _resolve(schema, root)
        if "discriminator" in schema:
            schema = {"$ref": schema["discriminator"]["mapping"][part]}
        elif isinstance(part, int):
            schema = schema["items"]
        else:
            schema = schema["properties"][part]
    return tuple(_resolve(schema, root).get("properties", ()))


def suggestion(word: str, known: Sequence[str]) -> str | None:
    """The known word that ``word`` was most likely meant to be."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "……"


def translate(tree: Tree, file: str, model: type[BaseModel], error: ErrorDetails) -> Problem:
    """One pydantic error as a problem."""
    path = document_path(error)
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        known = allowed_keys(model, error["loc"][:-1])
        near = suggestion(str(path[-1]), known)
        what = f"不认识的键“{path[-1]}”。"
        remedy = f"是否应为 {near}？" if near else f"删去它；此处可用的键：{'、'.join(known)}。"
        return problem_at(tree, file, path, what, remedy)
    if "remedy" in context:
        return problem_at(tree, file, path, error["msg"], str(context["remedy"]))
    plain = _PLAIN.get(error["type"])
    if plain is None:
        what = f"“{_shown(error['input'])}”不合要求（{error['msg']}）。"
        return problem_at(tree, file, path, what, "按规则文件的格式说明改写。")
    words: dict[str, object] = {
        "key": path[-1] if path else "",
        "value": _shown(error["input"]),
        "hint": "",
        **context,
    }
    if error["type"] == "missing" and path[-1] == "clause":
        words["hint"] = '，写明所依据的条款，例如 clause = "第六条第二项"'
    what, remedy = (_fill(text, words) for text in plain)
    expected = str(context.get("expected") or context.get("expected_tags") or "")
    if expected:
        remedy = _choose(str(context.get("tag", error["input"])), re.findall(r"'([^']+)'", expected))
    return problem_at(tree, file, path, what, remedy)


def _choose(given: str, known: Sequence[str]) -> str:
    near = suggestion(given, known)
    return f"是否应为 {near}？" if near else f"改为 {'、'.join(known)} 之一。"


def _fill(text: str, words: Mapping[str, object]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", str(value).strip("'"))
    return text

"""Pydantic's findings about a document's shape, told in Chinese with clause and remedy."""

import difflib
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ratings.rules.problems import Path, Problem, path_text

Tree = Mapping[str, Any]


class Written(dict[str, Any]):
    """The document's tree as written, with the places of misspelt keys by those they were read as."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self.renamed: dict[Path, Path] = {}


_PLAIN: dict[str, tuple[str, str]] = {
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
    """A problem at ``path``, as it was written, with the clause found there."""
    for read, written in tree.renamed.items() if isinstance(tree, Written) else ():
        if path[: len(read)] == read:
            path = (*written, *path[len(read) :])
    return Problem(file, path_text(path), nearest_clause(tree, path), what, remedy)


def document_path(error: ErrorDetails) -> Path:
    """Where the error lies in the document: pydantic's location without union tags."""
    location = error["loc"]
    if len(location) > 2 and location[0] == "indicators":
        return (*location[:2], *location[3:])
    if len(location) > 1 and location[0] == "bands":
        return (location[0], *location[2:])
    return location


@functools.cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    """The JSON schema of a whole document; made once, as it takes long."""
    return model.model_json_schema(by_alias=True)


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows references and optional values to the schema of the part itself."""
    while True:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in schema:
            schema = next(branch for branch in schema["anyOf"] if branch.get("type") != "null")
        else:
            return schema


def _schema_at(
    model: type[BaseModel], location: Sequence[str | int]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The schema of what is at pydantic's ``location`` (union tags included), and the whole one."""
    root = _schema(model)
    schema: Mapping[str, Any] = root
    for part in location:
        schema = _resolve(schema, root)
        if "discriminator" in schema:
            schema = {"$ref": schema["discriminator"]["mapping"][part]}
        elif isinstance(part, int):
            schema = schema["items"]
        else:
            schema = schema["properties"][part]
    return schema, root


def allowed_keys(model: type[BaseModel], location: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the part at pydantic's ``location`` (union tags included) may have."""
    schema, root = _schema_at(model, location)
    return tuple(_resolve(schema, root).get("properties", ()))


def _homes(model: type[BaseModel], word: str) -> list[str]:
    """Where else ``word``, or a key that begins with it (base: base_score), may be written."""
    root = _schema(model)
    keys = list(_keys(root, root, (), False, ()))
    for wanted in (word, word + "_"):
        found = [
            f"{key} 写在{heading}"
            for heading, key in keys
            if (key == word if wanted == word else key.startswith(wanted))
        ]
        if found:
            return list(dict.fromkeys(found))[:3]
    return []


def _keys(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    names: tuple[str, ...],
    listed: bool,
    above: tuple[object, ...],
) -> Iterator[tuple[str, str]]:
    """Every heading of the document with each key that may stand below it."""
    schema = _resolve(schema, root)
    if schema in above:
        return
    above = (*above, schema)
    if "items" in schema:
        yield from _keys(schema["items"], root, names, True, above)
    for branch in schema.get("oneOf", ()):
        yield from _keys(branch, root, names, listed, above)
    name = ".".join(names)
    heading = (f" [[{name}]] 中" if listed else f" [{name}] 中") if names else "文件开头（各分段之前）"
    for key, part in schema.get("properties", {}).items():
        yield heading, key
        yield from _keys(part, root, (*names, key), False, above)


#: What a key that must be written may look like; of others the values are listed.
SAMPLES: Final = {
    "key": 'key = "jinhua"',
    "version": "version = 1",
    "title": 'title = "信用分"',
    "authority": 'authority = "某市医疗保障局"',
    "note": 'note = "自发布之日起试行"',
    "effective_on": "effective_on = 2026-01-01",
    "legal_basis": 'legal_basis = ["《某市定点零售药店信用评价办法》"]',
    "period": 'period = { cutoff_days = 0, clause = "第二条" }',
    "grades": 'grades = [{ name = "A", label = "优秀", meaning = "信用优秀" }, …]',
    "score": 'score = { direction = "higher_is_better", floor = 0, ceiling = 100, step = 1, '
    'rounding = "half_up", clause = "第三条" }',
    "components": 'components = [{ id = "credit", title = "信用分", base_score = 100, floor = 0, '
    'ceiling = 100, clause = "第四条" }]',
    "indicators": 'indicators = [{ id = "review", component = "credit", kind = "measure", '
    'title = "考核", measure = "review", if_missing = "not_rated", points_per_unit = 1, '
    'clause = "第五条" }]',
    "bands": 'bands = { by = "score", rows = [{ grade = "A", min = 90, clause = "第十条" }, …] }',
    "rows": 'rows = [{ grade = "A", min = 90, clause = "第十条" }, …]',
    "name": 'name = "A"',
    "label": 'label = "优秀"',
    "meaning": 'meaning = "信用优秀"',
    "cutoff_days": "cutoff_days = 0",
    "clause": 'clause = "第六条第二项"',
    "floor": "floor = 0",
    "ceiling": "ceiling = 100",
    "step": "step = 1",
    "id": 'id = "credit"',
    "base_score": "base_score = 100",
    "min": "min = 0",
    "max": "max = 10",
    "when": 'when = { quantity = "tenure_months", lt = 6 }',
    "grade": 'grade = "A"',
    "share": "share = 20",
    "min_group": "min_group = 5",
    "component": 'component = "credit"',
    "ageing": 'ageing = { shape = "linear", months = 24, from = "decided_on", clause = "第六条" }',
    "default": 'default = { title = "其他", points = -5, clause = "第五条" }',
    "points": "points = -5",
    "MINOR": "MINOR = -1",
    "GENERAL": "GENERAL = -5",
    "SERIOUS": "SERIOUS = -10",
    "months": "months = 12",
    "percent": "percent = 50",
    "kinds": 'kinds = ["RETURNED_DRUG"]',
    "topics": 'topics = ["FRAUD"]',
    "min_months": "min_months = 3",
    "no_base_points": "no_base_points = 0",
    "measure": 'measure = "review"',
    "steps": "steps = 1",
    "terms": 'terms = [{ id = "objection_answer", title = "异议处理", from = 2018-01-01, length = 5, '
    'unit = "working_days", source = "示例" }, …]',
    "from": "from = 2018-01-01",
    "length": "length = 5",
    "source": 'source = "示例"',
}


def _missing_remedy(model: type[BaseModel], location: Sequence[str | int], key: str) -> str:
    """What a missing key is for, and how it is written."""
    schema, root = _schema_at(model, location)
    schema = _resolve(schema, root)
    if "discriminator" in schema:
        return f"补上 {key}，写 {'、'.join(schema['discriminator']['mapping'])} 之一。"
    part = schema["properties"][key]
    description = part.get("description", "")
    about = f"补上 {key}（{description}）" if description else f"补上 {key}"
    values = _resolve(part, root).get("enum")
    if values:
        return f"{about}，写 {'、'.join(values)} 之一。"
    return f"{about}，例如 {SAMPLES[key]}。" if key in SAMPLES else f"{about}。"


def suggestion(word: str, known: Sequence[str], cutoff: float = 0.6) -> str | None:
    """The known word that ``word`` was most likely meant to be."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return found[0] if found else None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "……"


def translate(
    tree: Tree, file: str, model: type[BaseModel], error: ErrorDetails, near: str | None
) -> Problem:
    """One pydantic error as a problem; ``near`` is the key that an unknown one was meant to be."""
    path = document_path(error)
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        what = f"不认识的键“{path[-1]}”。"
        if near:
            return problem_at(tree, file, path, what, f"是否应为 {near}？")
        homes = "、".join(_homes(model, str(path[-1])))
        cure = f"移到所属的分段：{homes}" if homes else "删去它"
        known = "、".join(allowed_keys(model, error["loc"][:-1]))
        return problem_at(tree, file, path, what, f"{cure}；此处可用的键：{known}。")
    if error["type"] == "missing":
        key = str(path[-1])
        remedy = _missing_remedy(model, error["loc"][:-1], key)
        return problem_at(tree, file, path, f"缺少必写的 {key}。", remedy)
    if error["type"] == "union_tag_not_found":
        key = str(context["discriminator"]).strip("'")
        remedy = _missing_remedy(model, error["loc"], key)
        return problem_at(tree, file, path, f"缺少必写的 {key}。", remedy)
    if "remedy" in context:
        return problem_at(tree, file, path, error["msg"], str(context["remedy"]))
    plain = _PLAIN.get(error["type"])
    if plain is None:
        what = f"“{_shown(error['input'])}”不合要求（{error['msg']}）。"
        return problem_at(tree, file, path, what, "按规则文件的格式说明改写。")
    words: dict[str, object] = {
        "key": path[-1] if path else "",
        "value": _shown(error["input"]),
        **context,
    }
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

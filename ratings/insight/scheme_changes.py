"""Two scheme documents: which keys differ, and what each changed part does by itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ratings.rules import Scheme
from ratings.rules.checks import measure_uses
from ratings.rules.document import SchemeDocument
from ratings.rules.reading import read_tree
from ratings.rules.scheme import rebuilt

#: Names of the parts of a document.
_PARTS: Final = {
    "period": "数据截止",
    "grades": "等级",
    "score": "信用分",
    "components": "分项",
    "indicators": "指标",
    "measures": "导入数值",
    "eligibility": "不予评价",
    "caps": "等级上限",
    "bands": "等级的划分",
    "adjustments": "依规调整",
    "review": "逐件审核",
}
#: What tells the items of a list apart, the first that all of them have.
_KEYS: Final = ("id", "name", "key", "grade", "title")
#: What people read and nothing reckons with.
_WORDS: Final = frozenset({"title", "clause", "label", "meaning", "valid_months", "at_once"})
_LONG: Final = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that is written otherwise; "" where one side does not have it."""

    part: str
    path: str
    before: str
    after: str


def differences(before: str, after: str) -> list[Difference]:
    """The keys in which two sound documents differ, in the order of the second; values as written.

    Items of lists are told apart by their id, name or title, so that one more does not shift the rest.
    """
    one, other = (_flat(read_tree(text.encode(), "规则")) for text in (before, after))
    paths = [*other, *(path for path in one if path not in other)]
    return [
        Difference(
            _PARTS.get(re.split(r"[.\[]", path)[0], "文件开头"), path, one.get(path, ""), other.get(path, "")
        )
        for path in paths
        if one.get(path) != other.get(path)
    ]


def _flat(tree: Mapping[str, Any]) -> dict[str, str]:
    """Every value by its path."""
    return dict(_leaves(tree, ""))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and any(isinstance(item, Mapping) for item in node):
        for name, item in zip(_names_of(node), node, strict=True):
            yield from _leaves(item, f"{path}[{name}]")
    else:
        yield path, _value(node)


def _names_of(items: list[Any]) -> list[str]:
    """What tells the items apart: the first of _KEYS that all have, each another; else their numbers."""
    for key in _KEYS:
        names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return [str(name) for name in names]
    return [str(number) for number in range(len(items))]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        text = "、".join(map(_value, value)) or "（空）"
    else:
        text = value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


@dataclass(frozen=True, slots=True)
class Step:
    """One changed part: the first scheme with this part of the second and nothing else."""

    part: str
    title: str
    #: 改, 增 or 删
    kind: str
    clause: str
    #: None where the part does not fit into the first scheme by itself
    scheme: Scheme | None


def steps(before: Scheme, after: Scheme) -> list[Step]:
    """The parts in which two schemes reckon differently, each put into the first one by itself."""
    one, other = before.document, after.document
    found = []
    for name in ("score", "components", "bands"):
        if _bare(getattr(one, name)) == _bare(getattr(other, name)) and not (
            name == "bands" and _names(one) != _names(other)
        ):
            continue
        changed = {name: getattr(other, name)}
        if name == "bands":
            changed["grades"] = other.grades
        clause = getattr(getattr(other, name), "clause", "")
        found.append(Step(_PARTS[name], _PARTS[name], "改", clause, _with(before, other, changed)))
    for name in ("indicators", "caps", "eligibility"):
        found += _items(before, other, name)
    return found


def _items(before: Scheme, other: SchemeDocument, name: str) -> Iterator[Step]:
    """Changed, new and left out items of a list, by id."""
    old = {item.id: item for item in getattr(before.document, name)}
    new = {item.id: item for item in getattr(other, name)}
    for key in dict.fromkeys([*new, *old]):
        if key in old and key in new and _bare(old[key]) == _bare(new[key]):
            continue
        items = {**old, key: new[key]} if key in new else {k: v for k, v in old.items() if k != key}
        item = new.get(key) or old[key]
        kind = "改" if key in old and key in new else "增" if key in new else "删"
        changed = {name: tuple(items.values())}
        yield Step(_PARTS[name], item.title, kind, item.clause, _with(before, other, changed))


def _with(before: Scheme, other: SchemeDocument, changed: dict[str, Any]) -> Scheme | None:
    """The first scheme with these parts changed; imported values come along as they are read."""
    document = before.document.model_copy(update=changed)
    declared = {term.key: term for term in (*before.document.measures, *other.measures)}
    read = {key for _, key in measure_uses(document)}
    measures = tuple(term for key, term in declared.items() if key in read)
    return rebuilt(before, document.model_copy(update={"measures": measures}))


def _names(document: SchemeDocument) -> list[str]:
    return [grade.name for grade in document.grades]


def _bare(part: Any) -> Any:
    """A part without what nothing reckons with, to compare."""
    if isinstance(part, tuple):
        return [_bare(item) for item in part]
    return _stripped(part.model_dump())


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(part) for key, part in value.items() if key not in _WORDS}
    if isinstance(value, list | tuple):
        return [_stripped(part) for part in value]
    return value

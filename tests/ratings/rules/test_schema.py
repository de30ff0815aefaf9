"""The JSON Schema file: in step with the models, and true of the documents."""

import json
import re
import tomllib
from datetime import date
from typing import Any

import pytest

from ratings.rules import json_schema, shipped_schemes
from ratings.rules.schema import FILE, schema_text
from ratings.rules.vocabulary import VIOLATION_KINDS
from tests.ratings.rules.strategies import DOCUMENTS

SCHEMA = json_schema()


def test_file_is_in_step_with_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m ratings.rules.schema"


def faults(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """A small validator for the words that the schema uses."""
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], path)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            found = [faults(value, branch, path) for branch in schema[word]]
            return [] if [] in found else min(found, key=len)
    types = {
        "object": dict,
        "array": list,
        "string": (str, date),
        "number": (int, float),
        "integer": int,
        "boolean": bool,
    }
    if "type" in schema and not isinstance(value, types[schema["type"]]):
        return [f"{path}: not {schema['type']}"]
    result = []
    if "enum" in schema and value not in schema["enum"]:
        result.append(f"{path}: not in enum")
    if "const" in schema and value != schema["const"]:
        result.append(f"{path}: not const")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        result.append(f"{path}: not pattern")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            result.append(f"{path}: too few")
        for place, item in enumerate(value):
            result += faults(item, schema["items"], f"{path}[{place}]")
    if isinstance(value, dict):
        properties = schema["properties"]
        result += [f"{path}.{key}: unknown" for key in value if key not in properties]
        result += [f"{path}.{key}: lacking" for key in schema.get("required", []) if key not in value]
        for key in value.keys() & properties.keys():
            result += faults(value[key], properties[key], f"{path}.{key}")
    return result


@pytest.mark.parametrize(
    "path", [*shipped_schemes().values(), *sorted(DOCUMENTS.glob("*.toml"))], ids=lambda path: path.stem
)
def test_documents_satisfy_the_schema(path: Any) -> None:
    assert faults(tomllib.loads(path.read_text(encoding="utf-8")), SCHEMA) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('direction = "higher_is_better"', 'direction = "up"', ".score.direction: not in enum"),
        ("step = 1", "stepp = 1", ".score.stepp: unknown"),
        ('kinds = ["RETURNED_DRUG"]\npoints', 'kinds = ["X"]\npoints', "[0].kinds[0]: not in enum"),
        ("MINOR = -10", 'MINOR = "-10"', ".rows[0].points: not number"),
    ],
)
def test_the_schema_refuses(old: str, new: str, fault: str) -> None:
    text = (DOCUMENTS / "small.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    found = faults(tomllib.loads(text.replace(old, new)), SCHEMA)
    assert any(fault in each for each in found), found


def _described(node: Any, path: str = "") -> list[str]:
    lacking = []
    if isinstance(node, dict):
        for key, part in node.get("properties", {}).items():
            text = str(part.get("description", ""))
            if key != "kind" and key != "by" and not re.search("[\u4e00-\u9fff]", text):
                lacking.append(f"{path}.{key}")
        for key, part in node.items():
            lacking += _described(part, f"{path}.{key}")
    return lacking


def test_every_key_is_described_in_chinese() -> None:
    assert _described(SCHEMA) == []


def test_it_is_json_with_the_words_of_the_vocabulary() -> None:
    text = json.dumps(SCHEMA, ensure_ascii=False)
    assert all(f'"{kind}"' in text for kind in VIOLATION_KINDS.ids)
    assert '"null"' not in text

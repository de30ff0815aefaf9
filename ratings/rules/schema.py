"""The JSON Schema of scheme documents, for editors; generated from the models.

``python -m ratings.rules.schema`` writes ``scheme.schema.json`` anew; a test keeps it in step.
"""

import json
from pathlib import Path
from typing import Any, Final

from ratings.rules.document import SchemeDocument

FILE: Final = Path(__file__).with_name("scheme.schema.json")


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scheme document, described in Chinese."""
    schema = SchemeDocument.model_json_schema(by_alias=True)
    schema = _without_titles(schema)
    for part in schema["$defs"].values():
        # These come from docstrings, which are in English and for programmers.
        part.pop("description", None)
    gravities = schema["$defs"]["GravityPoints"]
    number = gravities["properties"]["MINOR"] | {"description": "各种情节相同的分值"}
    schema["$defs"]["GravityPoints"] = {"anyOf": [number, gravities]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "定点零售药店信用评价规则",
        "description": "评价规则文件：一份文件就是一个版本。",
    }


def _without_titles(node: Any) -> Any:
    """Drops the titles that pydantic makes from field names; a property named title stays."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = _stated(node)
    return {
        key: {name: _without_titles(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else _without_titles(value)
        for key, value in node.items()
        if key != "title"
    }


def _stated(node: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null, and defaults are held in thousandths and the like: neither is told."""
    node = {key: value for key, value in node.items() if key != "default" or isinstance(value, str)}
    branches = [part for part in node.get("anyOf", ()) if part != {"type": "null"}]
    if len(branches) == 1:
        node = {key: value for key, value in node.items() if key != "anyOf"} | branches[0]
    return node


def schema_text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")

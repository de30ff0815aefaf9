"""The description of the APIs, to hold answers against."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from applications.api.schema import document


def strict(schema: Any) -> Any:
    """The same schema with every object closed."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(value) for name, value in schema.items()}
    if found.get("type") == "object" and "properties" in found:
        found["additionalProperties"] = False
    return found


def validator(reference: dict[str, Any]) -> Validator:
    return Draft202012Validator({**strict(reference), "components": strict(document()["components"])})


def operations(under: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of all addresses that begin so."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            if path.startswith(under):
                yield path, method, operation


def contents(under: str = "") -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(path, status, media type, content) of all described answers."""
    for path, _method, operation in operations(under):
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield path, status, media_type, content

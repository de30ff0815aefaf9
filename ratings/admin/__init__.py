"""The regulator's admin: thin pages over services. Importing the modules registers them."""

from ratings.admin import (
    audit,
    desk,
    documents,
    facts,
    imports,
    registry,
    results,
    runs,
    schemes,
    sign_in,
    staff,
    two_factor,
)

__all__ = [
    "audit",
    "desk",
    "documents",
    "facts",
    "imports",
    "registry",
    "results",
    "runs",
    "schemes",
    "sign_in",
    "staff",
    "two_factor",
]

"""The table of what can be imported."""

from difflib import get_close_matches

from ratings.services.imports.columns import Kind
from ratings.services.imports.errors import UnknownKind
from ratings.services.imports.fact_kinds import COMPLAINTS, MEASURES, PAYMENTS, SERVICE_STATUS, VIOLATIONS
from ratings.services.imports.registry_kinds import DISTRICTS, ENTERPRISES, PHARMACIES

_KINDS = (
    DISTRICTS,
    ENTERPRISES,
    PHARMACIES,
    VIOLATIONS,
    COMPLAINTS,
    PAYMENTS,
    MEASURES,
    SERVICE_STATUS,
)


def kinds() -> tuple[Kind, ...]:
    """Every kind, in the order in which a new installation imports them."""
    return _KINDS


def kind_named(name: str) -> Kind:
    """The kind with this id or Chinese label. Raises UnknownKind, naming the nearest."""
    wanted = name.strip().lower().replace("-", "_")
    for kind in _KINDS:
        if wanted in (kind.id, kind.label, kind.id.rstrip("s"), kind.table.removeprefix("ratings_")):
            return kind
    near = get_close_matches(wanted, [kind.id for kind in _KINDS], n=1, cutoff=0.5)
    hint = f"是否指 {near[0]}？" if near else ""
    known = "、".join(f"{kind.id}（{kind.label}）" for kind in _KINDS)
    raise UnknownKind(f"没有“{name}”这种数据。", f"{hint}可导入的有：{known}。")

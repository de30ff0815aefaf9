"""What groups may do with organisations and their programs."""

from typing import Final

from applications.roles import BANKING, INSPECTOR, grant

#: Model names, in the order of the menu, to what each permission lets people do.
MEANINGS: Final = {
    "organisation": {"view": "查看", "add": "登记", "change": "变更名称"},
    "client": {"view": "查看", "add": "登记", "change": "变更、停用，生成和撤销密钥"},
    "call": {"view": "查看"},
}
_ALL: Final = {f"{verb}_{model}" for model, verbs in MEANINGS.items() for verb in verbs}
GRANTS: Final = {
    BANKING: frozenset(_ALL),
    INSPECTOR: frozenset(name for name in _ALL if name.startswith("view_")),
}


def grant_roles() -> None:
    """Set what the shipped groups may do here; after every migration."""
    for name, codenames in GRANTS.items():
        grant(name, "clients", codenames)

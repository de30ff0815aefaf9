"""What groups may do with organisations and their programs."""

from typing import Final

from applications.roles import BANKING, CREDIT_OFFICE, INSPECTOR, grant

#: Model names, in the order of the menu, to what each permission lets people do.
MEANINGS: Final = {
    "organisation": {
        "view": "查看",
        "add": "登记",
        "change": "变更名称",
        "view_bank": "范围包括银行",
        "view_department": "范围包括政府部门",
    },
    "client": {"view": "查看", "add": "登记", "change": "变更、停用，生成和撤销密钥"},
    "call": {"view": "查看"},
}
_ALL: Final = {f"{verb}_{model}" for model, verbs in MEANINGS.items() for verb in verbs}
GRANTS: Final = {
    BANKING: frozenset(_ALL - {"view_department_organisation"}),
    # departments themselves come with the catalogue
    CREDIT_OFFICE: frozenset(_ALL - {"view_bank_organisation", "add_organisation", "change_organisation"}),
    INSPECTOR: frozenset(name for name in _ALL if name.startswith("view_")),
}


def grant_roles() -> None:
    """Set what the shipped groups may do here; after every migration."""
    for name, codenames in GRANTS.items():
        grant(name, "clients", codenames)

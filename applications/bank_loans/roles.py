"""What groups may do with loan products, authorisations, banks' reports and messages."""

from typing import Final

from applications.roles import BANKING, INSPECTOR, grant

#: Model names, in the order of the menu, to what each permission lets people do.
MEANINGS: Final = {
    "loanproduct": {"view": "查看", "add": "新增", "change": "修改条件"},
    "authorisation": {"view": "查看，下载授权书", "add": "登记和导入", "change": "撤回"},
    "standing": {"view": "查看"},
    "change": {"view": "查看"},
    "feedbackbatch": {"view": "查看反馈和贷款成效"},
    "loanevent": {"view": "查看"},
    "endpoint": {"view": "查看", "add": "登记", "change": "验证、停用、更换密钥"},
    "delivery": {"view": "查看", "change": "重发、放弃"},
}
_ALL: Final = {f"{verb}_{model}" for model, verbs in MEANINGS.items() for verb in verbs}
GRANTS: Final = {
    BANKING: frozenset(_ALL),
    INSPECTOR: frozenset(name for name in _ALL if name.startswith("view_")),
}


def grant_roles() -> None:
    """Set what the shipped groups may do here; after every migration."""
    for name, codenames in GRANTS.items():
        grant(name, "bank_loans", codenames)

"""What groups may do with enterprises' credit, records, checks and measures."""

from typing import Final

from applications.roles import CREDIT_OFFICE, INSPECTOR, grant

#: Looks up enterprises, checks lists, handles joint measures, for their department.
OFFICER: Final = "部门查询员"
#: Supplies, corrects and withdraws their department's records.
SUPPLIER: Final = "部门数据员"
#: Puts documents in force that another stored.
APPROVER: Final = "信用信息审批员"

#: Model names, in the order of the menu, to what each permission lets people do.
MEANINGS: Final = {
    "creditsubject": {"view": "查询企业信用"},
    "batchcheck": {"view": "查看", "add": "核查名单", "change": "反馈结果"},
    "measurecase": {"view": "查看", "change": "办理"},
    "creditrecord": {
        "view": "查看",
        "add": "填报和导入",
        "change": "更正、撤销、异议标注",
        "match": "匹配企业",
    },
    "recordbatch": {"view": "查看", "add": "上传并试算", "change": "确认入库或放弃"},
    "look": {"view": "查看查询记录（部门人员仅本人的）和统计"},
    "ruledocument": {"view": "查看", "add": "存入新版本", "change": "启用"},
    "membership": {"view": "查看", "add": "登记", "change": "变更"},
}
_ALL: Final = {f"{verb}_{model}" for model, verbs in MEANINGS.items() for verb in verbs}
GRANTS: Final = {
    OFFICER: frozenset(
        {
            *("view_creditsubject", "view_batchcheck", "add_batchcheck", "change_batchcheck"),
            *("view_measurecase", "change_measurecase"),
            # their own looks
            "view_look",
        }
    ),
    SUPPLIER: frozenset(
        {
            *("view_creditrecord", "add_creditrecord", "change_creditrecord"),
            *("view_recordbatch", "add_recordbatch", "change_recordbatch"),
        }
    ),
    # keeps the whole: documents, who works for which department, records that match nothing, the record of looks
    CREDIT_OFFICE: frozenset(
        {
            *("view_measurecase", "view_creditrecord", "match_creditrecord", "view_recordbatch", "view_look"),
            *("view_ruledocument", "add_ruledocument", "view_batchcheck"),
            *("view_membership", "add_membership", "change_membership"),
        }
    ),
    APPROVER: frozenset({"view_ruledocument", "change_ruledocument"}),
    INSPECTOR: frozenset(name for name in _ALL if name.startswith("view_") and name != "view_creditsubject"),
}


def grant_roles() -> None:
    """Set what the shipped groups may do here; after every migration."""
    for name, codenames in GRANTS.items():
        grant(name, "enterprise_credit", codenames)

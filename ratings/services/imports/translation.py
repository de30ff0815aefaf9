"""The database's refusals in words for people."""

from django.apps import apps
from django.db import DatabaseError
from django.db.models import CheckConstraint, UniqueConstraint

from ratings.services.imports.errors import DatabaseRefused

_NOTHING_WRITTEN = "没有写入任何数据；请重新试算这个文件，如仍出现请联系管理员。"


def database_refused(error: DatabaseError) -> DatabaseRefused:
    """What a constraint or trigger refused. Triggers speak Chinese; constraints by their model."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    message = getattr(diagnosis, "message_primary", None) or str(error).strip()
    if message and not message.isascii():
        return DatabaseRefused(f"数据库拒绝写入：{message.rstrip('。')}。", _NOTHING_WRITTEN)
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name != name:
                continue
            said = str(constraint.violation_error_message)
            if isinstance(constraint, UniqueConstraint):
                said = f"{model._meta.verbose_name}：同一条记录刚由他人写入。"
            elif isinstance(constraint, CheckConstraint) and said == str(
                constraint.default_violation_error_message
            ):
                said = f"{model._meta.verbose_name}：不符合数据库约束 {name}。"
            return DatabaseRefused(f"数据库拒绝写入：{said}", _NOTHING_WRITTEN)
    what = f"约束 {name}" if name else f"错误 {getattr(diagnosis, 'sqlstate', None) or type(error).__name__}"
    return DatabaseRefused(f"数据库拒绝写入（{what}）。", _NOTHING_WRITTEN)

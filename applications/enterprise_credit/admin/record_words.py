"""How records look in the admin: their content in the words of their type, how they stand, and how they match."""

from collections.abc import Mapping
from datetime import date

from django.utils.safestring import SafeString

from applications.enterprise_credit import words
from applications.enterprise_credit.counting import shown_after
from applications.enterprise_credit.models import CreditRecord
from applications.enterprise_credit.rules.catalogue import Catalogue, RecordType, shown_fields
from ratings.admin import show

Match = CreditRecord.Match


def content(record: CreditRecord, record_type: RecordType | None, department: str) -> list[tuple[str, str]]:
    """(label, value) of what a department may see; nothing of a type that the catalogue has no more, as nobody can
    tell any longer which of its fields are about natural persons."""
    if record_type is None:
        return []
    return [
        (field.label, words.value(field, record.data.get(field.key)))
        for field in shown_fields(record_type, department)
    ]


def in_one_line(record: CreditRecord, record_type: RecordType | None, department: str) -> str:
    """The same as one text."""
    pairs = content(record, record_type, department)
    return "；".join(f"{label}：{value}" for label, value in pairs if value != "—")


def standing(record: CreditRecord, record_type: RecordType | None, today: date) -> SafeString:
    """Whether it is shown and counts, and if not, why; None = the catalogue has no such type any more."""
    if record.voided_at is not None:
        return show.badge("bad", record.get_ending_display())
    if record.match != Match.MATCHED:
        return show.badge("warn", f"待匹配：{record.get_match_display()}")
    if record_type is None:
        return show.badge("plain", "目录中已没有这种信用信息")
    if record.valid_until is not None and record.valid_until <= today:
        return show.badge("plain", "已到期")
    if record.decided_on <= shown_after(record_type, today):
        return show.badge("plain", "已过公示、共享期")
    if record.objected_on is not None:
        return show.badge("warn", "有异议")
    return show.badge("good", "有效")


def type_titles(catalogue: Catalogue) -> Mapping[str, str]:
    """Keys of record types to their names, with the department's where another has one of the same name."""
    names = [one.title for one in catalogue.record_types]
    departments = {one.key: one.name for one in catalogue.departments}
    return {
        one.key: one.title
        if names.count(one.title) == 1
        else f"{one.title}（{departments.get(one.department, one.department)}）"
        for one in catalogue.record_types
    }

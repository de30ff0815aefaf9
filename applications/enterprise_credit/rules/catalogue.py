"""The catalogue (公共信用信息目录): departments, what each may record, who may see it, and what it is used for.

A document like a scheme: versioned, and never changed once in force.
"""

from typing import Annotated, Literal

from pydantic import Field as Described

from applications.enterprise_credit.rules.conditions import Condition, Key
from applications.enterprise_credit.rules.kinds import Direction, FieldType, Publicity, RecordKind
from ratings.rules.fields import Day, Flag, Ident, Part, Source, Text, Title, Version, Whole
from ratings.rules.indicators import Clause

#: For ``viewers``: every department.
ALL = "*"


class Department(Part):
    """A department; the key is that of its organisation."""

    key: Annotated[Key, Described(description="代码，即机构代码")]
    name: Annotated[Title, Described(description="名称")]


class RecordField(Part):
    """One field of the records of a type."""

    key: Annotated[Ident, Described(description="代码")]
    label: Annotated[Title, Described(description="名称，即表头")]
    type: Annotated[FieldType, Described(description="写法")]
    required: Annotated[Flag, Described(description="必填")] = False
    choices: Annotated[tuple[Text, ...], Described(description="选项")] = ()
    max_length: Annotated[Whole, Described(description="文字最多几个字")] = 200
    #: data of a natural person: for the supplying department alone (浙江省公共信用信息管理条例第十五条)
    personal: Annotated[Flag, Described(description="true：自然人信息，只有提供部门能看")] = False


class RecordType(Part):
    """What a department records about enterprises."""

    key: Annotated[Key, Described(description="代码")]
    department: Annotated[Key, Described(description="提供部门的代码")]
    title: Annotated[Title, Described(description="名称")]
    kind: Annotated[RecordKind, Described(description="种类")]
    publicity: Annotated[Publicity, Described(description="公开属性")]
    #: of SHARED: keys of departments, or "*"; the supplier always sees its own
    viewers: Annotated[tuple[Text, ...], Described(description="政务共享的：可查询的部门，* 为所有部门")] = ()
    fields: tuple[RecordField, ...] = ()
    #: shown for so many months after it was decided, then no more; None = as long as it is valid
    shown_months: Annotated[Whole | None, Described(description="自认定之日起公示、共享几个月")] = None
    clause: Clause


class Criterion(Part):
    """Looked at in the batch check of a purpose."""

    id: Annotated[Ident, Described(description="代码")]
    title: Annotated[Title, Described(description="名称，用于说明结果")]
    then: Annotated[Literal["REJECT", "ATTENTION"], Described(description="REJECT 不通过；ATTENTION 需关注")]
    when: Condition
    clause: Clause


class Purpose(Part):
    """What a look-up may be for."""

    key: Annotated[Key, Described(description="代码")]
    title: Annotated[Title, Described(description="名称")]
    case_required: Annotated[Flag, Described(description="true：须填案号、项目号")] = False
    criteria: tuple[Criterion, ...] = ()
    clause: Clause


class JointMeasure(Part):
    """What a department does about enterprises of a grade or on a list (联合奖惩)."""

    key: Annotated[Key, Described(description="代码")]
    department: Annotated[Key, Described(description="实施部门的代码")]
    direction: Annotated[Direction, Described(description="守信激励或失信惩戒")]
    title: Annotated[Title, Described(description="措施")]
    when: Condition
    clause: Clause


class Watch(Part):
    """When look-ups are unusual. Hours of Asia/Shanghai."""

    without_case_a_day: Annotated[Whole, Described(description="一人一日无案号查询达到几次即标记")]
    night_from: Annotated[Whole, Described(description="夜间自几时起")]
    night_until: Annotated[Whole, Described(description="夜间至几时止")]
    outside_a_day: Annotated[Whole, Described(description="一人一日查询本区县以外企业达到几次即标记")]
    clause: Clause


class Catalogue(Part):
    """The document."""

    key: Annotated[Key, Described(description="代码")]
    version: Version
    title: Title
    effective_on: Annotated[Day, Described(description="施行日期")]
    basis: Annotated[Source, Described(description="依据")]
    departments: Annotated[tuple[Department, ...], Described(min_length=1, description="各部门")]
    record_types: Annotated[tuple[RecordType, ...], Described(min_length=1, description="信用信息类型")]
    purposes: Annotated[tuple[Purpose, ...], Described(min_length=1, description="查询用途")]
    measures: Annotated[tuple[JointMeasure, ...], Described(description="联合奖惩措施")] = ()
    watch: Annotated[Watch, Described(description="异常查询的标记")]

    def record_type(self, key: str) -> RecordType | None:
        """The type of this key, None where the catalogue has none."""
        return next((one for one in self.record_types if one.key == key), None)

    def purpose(self, key: str) -> Purpose | None:
        """The purpose of this key, None where the catalogue has none."""
        return next((one for one in self.purposes if one.key == key), None)

    def visible_types(self, department: str) -> tuple[RecordType, ...]:
        """The types whose records a department may see."""
        return tuple(one for one in self.record_types if may_see(one, department))


def may_see(record_type: RecordType, department: str) -> bool:
    """Whether a department may see records of a type: the one place where this is decided."""
    if department == record_type.department or record_type.publicity == "OPEN":
        return True
    if record_type.publicity == "INTERNAL":
        return False
    return ALL in record_type.viewers or department in record_type.viewers


def shown_fields(record_type: RecordType, department: str) -> tuple[RecordField, ...]:
    """The fields of a type that a department may see of records that it may see: no personal ones of others."""
    own = department == record_type.department
    return tuple(field for field in record_type.fields if own or not field.personal)

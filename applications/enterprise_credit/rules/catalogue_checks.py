"""Checks of the catalogue beyond its shape."""

from collections.abc import Collection, Iterator

from applications.enterprise_credit.rules.catalogue import ALL, Catalogue, RecordType
from applications.enterprise_credit.rules.condition_checks import (
    Finding,
    Known,
    check_condition,
    repeated,
    unknown,
    unknown_word,
)
from applications.enterprise_credit.rules.kinds import PUBLICITIES
from ratings.rules.problems import Path


def check_catalogue(catalogue: Catalogue, grades: Collection[str] | None = None) -> Iterator[Finding]:
    """All that is wrong; ``grades`` are the names of enterprise grades that conditions may name (None: any)."""
    departments = [one.key for one in catalogue.departments]
    yield from repeated(departments, ("departments",), "key")
    yield from repeated([one.name for one in catalogue.departments], ("departments",), "name")
    types = [one.key for one in catalogue.record_types]
    yield from repeated(types, ("record_types",), "key")
    for number, record_type in enumerate(catalogue.record_types):
        yield from _record_type(record_type, ("record_types", number), departments)
    known = Known(types, grades)
    yield from _purposes(catalogue, known)
    yield from repeated([one.key for one in catalogue.measures], ("measures",), "key")
    for number, measure in enumerate(catalogue.measures):
        path: Path = ("measures", number)
        if measure.department not in departments:
            yield unknown_word(measure.department, departments, (*path, "department"), "部门")
        yield from check_condition(measure.when, (*path, "when"), known)
    yield from _watch(catalogue)


def _record_type(one: RecordType, path: Path, departments: Collection[str]) -> Iterator[Finding]:
    if one.department not in departments:
        yield unknown_word(one.department, departments, (*path, "department"), "部门")
    if one.publicity == "SHARED" and not one.viewers:
        what, remedy = (
            "政务共享的信息没有写明哪些部门可以查询。",
            '写明 viewers，例如 ["czj", "sjj"]，所有部门写 ["*"]。',
        )
        yield (*path, "viewers"), what, f"{remedy}不共享的，publicity 改为 INTERNAL。"
    if one.publicity != "SHARED" and one.viewers:
        what = f"{PUBLICITIES[one.publicity]}的信息，viewers 不起作用。"
        yield (*path, "viewers"), what, "删去 viewers，或把 publicity 改为 SHARED。"
    yield from unknown(one.viewers, [*departments, ALL], (*path, "viewers"), "部门")
    yield from repeated(one.viewers, (*path, "viewers"))
    if ALL in one.viewers and len(one.viewers) > 1:
        yield (*path, "viewers"), "“*”已包括所有部门。", '只写 ["*"]，或只列出部门。'
    if one.shown_months == 0:
        yield (*path, "shown_months"), "公示 0 个月，从不显示。", "写 1 或更大的整数；不限期的，删去此项。"
    yield from _fields(one, path)


def _fields(one: RecordType, path: Path) -> Iterator[Finding]:
    yield from repeated([field.key for field in one.fields], (*path, "fields"), "key")
    yield from repeated([field.label for field in one.fields], (*path, "fields"), "label")
    for number, field in enumerate(one.fields):
        here: Path = (*path, "fields", number)
        if field.type == "choice" and not field.choices:
            yield (
                (*here, "choices"),
                f"“{field.label}”是选项，没有写明有哪些选项。",
                '写明 choices，例如 ["是", "否"]。',
            )
        if field.type != "choice" and field.choices:
            yield (
                (*here, "choices"),
                f"type 为 {field.type} 时 choices 不起作用。",
                '删去 choices，或写 type = "choice"。',
            )
        yield from repeated(field.choices, (*here, "choices"))
        if field.max_length == 0:
            yield (*here, "max_length"), "最多 0 个字，什么也写不下。", "写 1 或更大的整数。"


def _purposes(catalogue: Catalogue, known: Known) -> Iterator[Finding]:
    yield from repeated([one.key for one in catalogue.purposes], ("purposes",), "key")
    yield from repeated([one.title for one in catalogue.purposes], ("purposes",), "title")
    for number, purpose in enumerate(catalogue.purposes):
        path: Path = ("purposes", number, "criteria")
        yield from repeated([one.id for one in purpose.criteria], path, "id")
        for place, criterion in enumerate(purpose.criteria):
            yield from check_condition(criterion.when, (*path, place, "when"), known)


def _watch(catalogue: Catalogue) -> Iterator[Finding]:
    watch = catalogue.watch
    for key in ("night_from", "night_until"):
        if not 0 <= getattr(watch, key) <= 23:
            yield ("watch", key), f"{getattr(watch, key)} 不是钟点。", "写 0 至 23 的整数。"
    if watch.night_from == watch.night_until:
        yield ("watch", "night_until"), "夜间起止相同，没有夜间。", "写不同的钟点，例如 22 至 6。"
    for key in ("without_case_a_day", "outside_a_day"):
        if getattr(watch, key) == 0:
            yield ("watch", key), "达到 0 次即标记，每次查询都会标记。", "写 1 或更大的整数。"

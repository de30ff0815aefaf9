"""A profile as tables of plain texts: what the report, the workbook and, for records, the page show.

One place says which columns there are, so that all three show the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from applications.enterprise_credit import words
from applications.enterprise_credit.profiles import Group, Profile, Record, Store
from applications.enterprise_credit.rules.kinds import PUBLICITIES, RECORD_KINDS
from applications.enterprise_credit.timeline import timeline
from applications.enterprise_credit.words import day
from ratings.admin.show import moment, period_label

#: What is said where nothing is shown of a part.
NO_RECORDS: Final = "没有可供本部门查询的有效信用信息。"
NO_STORES: Final = "登记中没有该企业的定点零售药店。"
#: The header of what is marked.
OBJECTION: Final = "异议"
#: What every form of a profile ends with.
NOTE: Final = (
    "药店等级为已公布的等级；部门信用信息只含本部门可查、现行有效的部分。"
    "信用信息只可用于所写用途，不得另作他用，不得泄露。"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One part: its title, its columns, its rows of texts; ``note`` is said below, or instead of rows."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def facts(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Who the enterprise is and how it stands: label and text."""
    subject, standing = profile.subject, profile.standing
    found = [
        ("企业名称", subject.name),
        ("统一社会信用代码", subject.uscc),
        ("主要区县", profile.district_name or "—"),
        ("定点零售药店", _designated(profile)),
    ]
    if standing is None:
        return (*found, ("企业信用等级", "尚未评定"))
    assessment = standing.assessment
    return (
        *found,
        (
            "企业信用等级",
            f"{standing.grade} {assessment.label}" if standing.grade else f"不评等级：{profile.reason}",
        ),
        *([("等级含义", str(profile.scale[standing.position].meaning))] if standing.position >= 0 else []),
        ("企业信用分", words.points(standing.score)),
        ("全市排名", words.rank(standing.rank_city, standing.ranked_city)),
        ("区县排名", words.rank(standing.rank_district, standing.ranked_district)),
        ("排名时间", moment(standing.ranked_at)),
        ("评定日", day(assessment.on)),
        ("评定规则", f"{profile.rule}第 {assessment.rule.rpartition('@')[2]} 版"),
    )


def _designated(profile: Profile) -> str:
    """How many are designated now; those that are not any more, or not yet, are listed with the others."""
    designated = sum(profile.grades.values())
    others = len(profile.stores) - designated
    return f"{designated} 家" + (f"，另有 {others} 家现非定点" if others else "")


def tables(profile: Profile) -> tuple[Table, ...]:
    """All parts in their order, the facts left out."""
    return (
        steps(profile),
        stores(profile.stores),
        *([places(profile)] if len(profile.places) > 1 else []),
        lists(profile),
        *records(profile),
        history(profile),
        events(profile),
    )


def steps(profile: Profile) -> Table:
    """How the enterprise's score and grade came about."""
    rows = tuple(
        (one.text, "" if one.points is None else words.points(one.points), one.clause)
        for one in profile.steps
    )
    return Table("评定说明", ("依据", "分值", "条款"), rows, "" if rows else "尚未评定。")


def stores(found: Sequence[Store]) -> Table:
    """Pharmacies with their published grades."""
    headers = (
        "定点编码",
        "药店",
        "区县",
        "服务状态",
        "公布等级",
        "评价周期",
        "有效期",
        OBJECTION,
        "历次等级",
    )
    return Table("所属药店", headers, tuple(map(_store, found)), "" if found else NO_STORES)


def _store(store: Store) -> tuple[str, ...]:
    grade = store.grade
    past = "；".join(f"{period_label(row['period'])} {row['grade'] or '不予评级'}" for row in store.history)
    return (
        store.code,
        store.name,
        store.district_name,
        words.SERVICES[store.service],
        f"{words.grade(grade)}{'' if store.holds or not grade or not grade['grade'] else '，已失效'}",
        period_label(grade["period"]) if grade else "—",
        words.days(grade["valid_from"], grade["valid_until"]) if grade else "—",
        words.OBJECTED if grade and grade["under_objection"] else "",
        past or "—",
    )


def places(profile: Profile) -> Table:
    """Pharmacies by district and grade."""
    names = list(profile.grades)
    headers = ("区县", "药店", *(name or "无等级" for name in names))
    rows = tuple(
        (one.name, str(one.stores), *(str(one.grades.get(name, 0)) for name in names))
        for one in profile.places
    )
    return Table("各区县药店等级", headers, rows)


def lists(profile: Profile) -> Table:
    """Red and black lists."""
    rows = tuple(
        (RECORD_KINDS[one.type.kind], one.type.title, one.department, *_validity(record), _objection(record))
        for one, record in profile.lists
    )
    headers = ("名单", "名称", "认定部门", "认定日期", "有效期", OBJECTION)
    return Table("红黑名单", headers, rows, "" if rows else "未列入本部门可查的红黑名单。")


def records(profile: Profile) -> tuple[Table, ...]:
    """A table for each type of records; one without rows where there are none at all."""
    if not profile.groups:
        return (Table("部门信用信息", (), (), NO_RECORDS),)
    return tuple(map(_group, profile.groups))


def _group(one: Group) -> Table:
    fields = list({value.key: value.label for record in one.records for value in record.values}.items())
    headers = ("记录编号", "文书号", "认定日期", "有效期", *(label for _, label in fields), OBJECTION)
    rows = []
    for record in one.records:
        texts = {value.key: value.text for value in record.values}
        own = (texts.get(key, "—") for key, _ in fields)
        rows.append(
            (record.record_no, record.document_no or "—", *_validity(record), *own, _objection(record))
        )
    note = f"共 {one.total:,} 条，列出最近 {len(rows)} 条。" if one.total > len(rows) else ""
    title = f"{one.department}：{one.type.title}（{RECORD_KINDS[one.type.kind]}，{PUBLICITIES[one.type.publicity]}）"
    return Table(title, headers, tuple(rows), note)


def _validity(record: Record) -> tuple[str, str]:
    return day(record.decided_on), words.days(record.valid_from, record.valid_until)


def _objection(record: Record) -> str:
    if record.objected_on is None:
        return ""
    return f"{words.OBJECTED}（{day(record.objected_on)}起）{record.objection}"


def history(profile: Profile) -> Table:
    """The enterprise's scores; what the chart draws."""
    rows = tuple(
        (day(one.on), words.points(one.score), one.grade or "不评等级") for one in reversed(profile.scores)
    )
    return Table("历次企业信用分", ("评定日", "企业信用分", "等级"), rows, "" if rows else "尚未评定。")


def events(profile: Profile) -> Table:
    """The timeline."""
    rows = tuple((day(one.on), one.title, one.text) for one in timeline(profile))
    return Table("时间线", ("日期", "事项", "内容"), rows, "" if rows else "没有可显示的事项。")


def shown_in_words(
    shown: Mapping[str, Any], titles: Mapping[str, str], grades: Mapping[int, str]
) -> Iterator[str]:
    """What a look showed, from its record, line by line.

    ``titles`` are those of record types by key, ``grades`` what assessments made, in words, by their number.
    """
    if "verdict" in shown:
        yield "名单核查的结论" + (f"，企业信用等级 {shown['grade']}" if shown.get("grade") else "")
        return
    if shown.get("assessment"):
        number = shown["assessment"]
        yield f"企业信用等级、信用分和排名：{grades.get(number, '')}（评定编号 {number}）"
    rated = [seq for seq in shown.get("stores", ()) if seq]
    if shown.get("stores"):
        yield f"{len(shown['stores'])} 家药店的登记信息，其中 {len(rated)} 家的公布等级"
    for key, ids in shown.get("records", {}).items():
        personal = "，含自然人信息" if key in shown.get("personal", ()) else ""
        yield f"{titles.get(key, key)} {len(ids)} 条{personal}"

"""The catalogue and the enterprise rule as tables that an official can read."""

from collections.abc import Mapping
from typing import Any

from applications.enterprise_credit.rules.assessment import EnterpriseRule, Stores
from applications.enterprise_credit.rules.catalogue import ALL, Catalogue, RecordType
from applications.enterprise_credit.rules.judging import described, records_text
from applications.enterprise_credit.rules.kinds import (
    DIRECTIONS,
    FIELD_TYPES,
    PUBLICITIES,
    RECORD_KINDS,
    VERDICTS,
)
from ratings.admin import show
from ratings.rules.exact import ROUNDING_LABELS

Facts = list[tuple[str, Any]]


def document_tables(
    document: Catalogue | EnterpriseRule, catalogue: Catalogue | None
) -> tuple[Facts, list[Any]]:
    """What is said at the top, and the tables; ``catalogue`` has the titles of record types that a rule names."""
    if isinstance(document, Catalogue):
        return _catalogue(document)
    return _rule(document, catalogue)


def _catalogue(catalogue: Catalogue) -> tuple[Facts, list[Any]]:
    names = {one.key: one.name for one in catalogue.departments}
    facts = [
        ("部门", f"{len(names)} 个"),
        ("信用信息类型", f"{len(catalogue.record_types)} 种"),
        ("查询用途", f"{len(catalogue.purposes)} 种"),
        ("联合奖惩措施", f"{len(catalogue.measures)} 项"),
    ]
    return facts, [
        show.table("部门", ("代码", "名称"), [(one.key, one.name) for one in catalogue.departments]),
        _record_types(catalogue, names),
        _purposes(catalogue),
        show.table(
            "联合奖惩措施",
            ("措施", "实施部门", "方向", "适用于", "条款"),
            [
                (
                    one.title,
                    names[one.department],
                    DIRECTIONS[one.direction],
                    described(one.when, catalogue),
                    one.clause,
                )
                for one in catalogue.measures
            ],
        ),
        _watch(catalogue),
    ]


def _record_types(catalogue: Catalogue, names: Mapping[str, str]) -> dict[str, Any]:
    rows = [
        (
            show.two_lines(one.title, one.key),
            names[one.department],
            RECORD_KINDS[one.kind],
            show.two_lines(PUBLICITIES[one.publicity], f"可查询：{viewers(one, names)}"),
            f"{one.shown_months} 个月" if one.shown_months is not None else "有效期内",
            "；".join(_field(one)) or "—",
            one.clause,
        )
        for one in catalogue.record_types
    ]
    headers = ("信用信息", "提供部门", "种类", "公开属性", "公示、共享期", "字段", "条款")
    note = "自然人信息只有提供部门能看，其他部门查询时不显示。"
    return show.table("信用信息类型", headers, rows, note=note)


def viewers(one: RecordType, names: Mapping[str, str]) -> str:
    """Who may see records of a type, in words."""
    if one.publicity == "OPEN" or ALL in one.viewers:
        return "所有部门"
    if one.publicity == "INTERNAL":
        return "仅提供部门"
    return "、".join(names[key] for key in (one.department, *one.viewers))


def _field(one: RecordType) -> list[str]:
    told = []
    for field in one.fields:
        marks = [FIELD_TYPES[field.type]]
        marks += ["必填"] if field.required else []
        marks += ["自然人信息"] if field.personal else []
        told.append(f"{field.label}（{'，'.join(marks)}）")
    return told


def _purposes(catalogue: Catalogue) -> dict[str, Any]:
    rows = []
    for one in catalogue.purposes:
        case = "须填案号" if one.case_required else "案号选填"
        first = show.two_lines(one.title, f"{one.key}，{case}")
        if not one.criteria:
            rows.append((first, "—", "只供查询，不作判定", "—", one.clause))
        rows += [
            (
                first,
                VERDICTS[criterion.then],
                criterion.title,
                described(criterion.when, catalogue),
                criterion.clause,
            )
            for criterion in one.criteria
        ]
    return show.table("查询用途和名单核查的标准", ("用途", "结论", "标准", "条件", "条款"), rows)


def _watch(catalogue: Catalogue) -> dict[str, Any]:
    watch = catalogue.watch
    rows = [
        ("无案号查询", f"一人一日达到 {watch.without_case_a_day} 次"),
        ("夜间查询", f"{watch.night_from} 时至次日 {watch.night_until} 时"),
        ("查询本区县以外企业", f"一人一日达到 {watch.outside_a_day} 次"),
    ]
    return show.table("标记异常查询", ("情形", "标准"), rows, note=watch.clause)


def _rule(rule: EnterpriseRule, catalogue: Catalogue | None) -> tuple[Facts, list[Any]]:
    points = show.points
    facts = [
        ("信用分", f"{points(rule.floor)} 至 {points(rule.ceiling)} 分，分数高者为好"),
        ("药店信用分", f"{_stores(rule.stores, catalogue)}（{rule.stores.clause}）"),
        ("取整", f"到 {points(rule.stores.step)} 分，{ROUNDING_LABELS[rule.stores.rounding]}"),
        ("区县排名", f"参评企业不少于 {rule.min_ranked} 家"),
    ]
    names = [(grade.name, grade.label) for grade in rule.grades]
    grades = [
        (
            show.grade_badge(place, names),
            f"{points(grade.min)} 分及以上" if grade.min is not None else "其余",
            grade.meaning,
            grade.clause,
        )
        for place, grade in enumerate(rule.grades)
    ]
    items = [
        (one.title, records_text(one.records, catalogue), points(one.each), points(one.limit), one.clause)
        for one in rule.items
    ]
    caps = [(one.title, described(one.when, catalogue), one.limit, one.clause) for one in rule.caps]
    unrated = [(one.title, described(one.when, catalogue), one.clause) for one in rule.unrated]
    return facts, [
        show.table("等级", ("等级", "企业信用分", "含义", "条款"), grades),
        show.table("按信用信息加减分", ("名称", "计入", "每条分值", "合计以此为限", "条款"), items),
        show.table("等级限制", ("名称", "条件", "等级最高为", "条款"), caps),
        show.table("不评等级的情形", ("情形", "条件", "条款"), unrated),
    ]


def _stores(stores: Stores, catalogue: Catalogue | None) -> str:
    if stores.method == "lowest":
        return "取所属药店的最低分"
    if stores.weight is None:
        return "取所属药店的平均分"
    source = catalogue.record_type(stores.weight.type) if catalogue else None
    return f"所属药店按“{source.title if source else stores.weight.type}”加权平均；没有数据的药店不计权重，都没有的按相等权重"

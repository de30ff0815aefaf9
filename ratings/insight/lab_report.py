"""What a trial shows, as plain tables: the same for the page, the command, spreadsheets and PDF."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from django.db import connection

from ratings.insight.lab import MOVES, SIZES, Comparison, Move, Side
from ratings.insight.lab_reasons import Rated, reasons
from ratings.insight.scales import merged
from ratings.insight.scheme_changes import Difference
from ratings.insight.shares import percent
from ratings.insight.trials import Trial
from ratings.models import District
from ratings.rules import NO_GRADE
from ratings.rules.columns import Int64

NOT_RATED: Final = "不予评级"
#: Moves that tables count, in their order.
_COUNTED: Final = (Move.BETTER, Move.WORSE, Move.OTHER, Move.ENTERED, Move.LEFT, Move.SAME)
LIST_HEADERS: Final = (
    "定点编码",
    "药店",
    "区县",
    "经营形式",
    "规模（基金支付）",
    "变动",
    "原等级",
    "试算等级",
    "原信用分",
    "试算信用分",
    "原因",
)
#: Rows of a list that are put into words at a time.
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Table:
    """A title, headers and rows of texts and numbers; ``key`` names it among a trial's tables."""

    key: str
    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    #: the last row is the sum of the others
    total: bool = False


def headline(trial: Trial) -> str:
    """The result in one sentence."""
    found = trial.comparison
    if not found.changed:
        return f"{len(trial):,} 家药店的等级都不变。"
    parts = [
        f"{MOVES[move]} {found.count(move):,} 家"
        for move in _COUNTED
        if move != Move.SAME and found.count(move)
    ]
    return (
        f"{len(trial):,} 家药店中 {found.changed:,} 家变动（{percent(found.changed, len(trial))}%）："
        f"{'，'.join(parts)}。"
    )


def distribution(trial: Trial) -> Table:
    """Grades before, after and as published."""
    sides = [trial.comparison.before, trial.comparison.after]
    if trial.published is not None and not trial.against_published:
        sides.append(trial.published.before)
    names = merged(side.names for side in sides)
    counted = [_by_name(side) for side in sides]
    rows = []
    for name in [*names, NOT_RATED]:
        cells: list[Any] = [name]
        for found in counted:
            cells += [found.get(name, 0), percent(found.get(name, 0), len(trial))]
        change = counted[1].get(name, 0) - counted[0].get(name, 0)
        rows.append((*cells, change))
    headers = ["等级"]
    for side in sides:
        headers += [f"{side.title}（家）", f"{side.title}占比（%）"]
    return Table("grades", "等级分布", (*headers, "试算增减"), rows, f"合计 {len(trial):,} 家。")


def _by_name(side: Side) -> dict[str, int]:
    return dict(zip([*side.names, NOT_RATED], side.counts().tolist(), strict=True))


def matrix(found: Comparison, key: str = "matrix") -> Table:
    """The migration matrix: from the grade in the first column to those in the headers."""
    names = [*found.before.names, NOT_RATED]
    rows = [(name, *cells, sum(cells)) for name, cells in zip(names, found.matrix.tolist(), strict=True)]
    total = found.matrix.sum(axis=0).tolist()
    rows.append(("合计", *total, sum(total)))
    headers = (f"{found.before.title} ＼ 试算", *found.after.names, NOT_RATED, "合计")
    note = "行为原等级，列为试算等级，单位：家。"
    return Table(key, f"迁移矩阵：{found.before.title} → 试算", headers, rows, note, total=True)


def effects(trial: Trial) -> Table:
    """What each changed part does by itself, against the first scheme."""
    counted = [move for move in _COUNTED if move != Move.SAME]
    rows = []
    for effect in trial.effects:
        step = effect.step
        cells: Sequence[Any] = [None] * (len(counted) + 1)
        if effect.moves is not None:
            cells = [sum(effect.moves[move] for move in counted), *(effect.moves[move] for move in counted)]
        rows.append((step.part, f"{step.kind}：{step.title}", step.clause or "—", *cells))
    note = "每行只改这一处、其余按原规则，与原规则的计算等级相比；各行相互影响，不能相加。"
    if any(effect.moves is None for effect in trial.effects):
        note += "“—”表示这一处离开其他改动不能单独成立。"
    if trial.left_out:
        note += f"改动过多，另有 {trial.left_out} 处没有单独计算。"
    if not rows:
        note = "两份规则在计算上没有不同。"
    headers = ("部分", "改动", "条款", "变动（家）", *(MOVES[move] for move in counted))
    return Table("effects", "各处改动单独的影响", headers, rows, note)


def rules(trial: Trial) -> Table:
    """How many each reason not to rate and each cap applies to, before and after."""
    before, after = _rule_counts(trial.before), _rule_counts(trial.after)
    rows = []
    for key in dict.fromkeys([*before, *after]):
        was, now = before.get(key), after.get(key)
        change = (now or 0) - (was or 0)
        rows.append((*key, was, now, change))
    note = "等级上限只计实际使等级降低的；不予评级只计首先适用的理由；“—”表示规则中没有这一条。"
    return Table(
        "rules", "不予评级和等级上限", ("类别", "名称", "原规则（家）", "试算（家）", "增减"), rows, note
    )


def _rule_counts(rated: Rated) -> dict[tuple[str, str], int]:
    states = np.bincount(rated.outcomes.state, minlength=len(rated.scheme.reasons) + 1)
    found = {
        (NOT_RATED, reason.title): int(states[number])
        for number, reason in enumerate(rated.scheme.reasons, 1)
    }
    for title, limits in rated.lowering_caps().values():
        found["等级上限", title] = int((limits >= 0).sum())
    return found


def by_district(trial: Trial, names: Mapping[int, str]) -> Table:
    codes, member = np.unique(trial.district, return_inverse=True)
    return _grouped(
        trial,
        "districts",
        "按区县",
        "区县",
        [names.get(int(code), str(code)) for code in codes],
        member.astype(np.int64),
    )


def by_form(trial: Trial) -> Table:
    return _grouped(
        trial, "forms", "按经营形式", "经营形式", ("单体药店", "连锁门店"), trial.chain.astype(np.int64)
    )


def by_size(trial: Trial) -> Table:
    note = "按本周期医保基金支付额由小到大分为四组；支付额相同的在同一组。"
    return _grouped(trial, "sizes", "按规模", "规模（基金支付）", SIZES, trial.size, note)


def _grouped(
    trial: Trial, key: str, title: str, header: str, names: Sequence[str], member: Int64, note: str = ""
) -> Table:
    counts = trial.comparison.by(member, len(names)).tolist()
    rows = []
    for name, cells in zip(names, counts, strict=True):
        if sum(cells):
            rows.append(_counted_row(name, cells))
    several = len(rows) > 1
    if several:
        rows.append(_counted_row("合计", [sum(column) for column in zip(*counts, strict=True)]))
    headers = (header, "药店（家）", "变动", "变动占比（%）", *(MOVES[move] for move in _COUNTED))
    return Table(key, title, headers, rows, note, total=several)


def _counted_row(name: str, cells: Sequence[int]) -> tuple[Any, ...]:
    whole = sum(cells)
    changed = whole - cells[Move.SAME]
    return (name, whole, changed, percent(changed, whole), *(cells[move] for move in _COUNTED))


def changes(found: Sequence[Difference], base: str, number: int = 1) -> Table:
    """The keys in which the document tried differs from ``base``; ``number`` tells several such tables apart."""
    rows = [(each.part, each.path, _written(each.before), _written(each.after)) for each in found]
    note = "" if rows else "两份规则逐键相同。"
    return Table(
        f"changes{number}", f"规则文本与《{base}》的不同", ("部分", "键", "对照规则", "试算规则"), rows, note
    )


def _written(value: str) -> Any:
    """A value as it stands in a document; numbers as numbers, so that spreadsheets take them as such."""
    if not value:
        return "（无）"
    return Decimal(value) if re.fullmatch(r"-?\d{1,12}(\.\d{1,4})?", value) else value


def tables(trial: Trial, districts: Mapping[int, str]) -> list[Table]:
    """Every table of a trial but the list, in their order."""
    found = [distribution(trial), matrix(trial.comparison)]
    if trial.published is not None and not trial.against_published:
        found.append(matrix(trial.published, "published"))
    return [
        *found,
        effects(trial),
        rules(trial),
        by_district(trial, districts),
        by_form(trial),
        by_size(trial),
    ]


def listed(trial: Trial, districts: Mapping[int, str], most: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Every pharmacy that changes, or the first ``most``, as rows under LIST_HEADERS."""
    rows = trial.comparison.moved_rows()[:most]
    for start in range(0, len(rows), _CHUNK):
        yield from _listed(trial, rows[start : start + _CHUNK], districts)


def _listed(trial: Trial, rows: Int64, districts: Mapping[int, str]) -> Iterator[tuple[Any, ...]]:
    found = trial.comparison
    names = _pharmacy_names(trial.pharmacy_id[rows].tolist())
    for row, why in zip(rows.tolist(), reasons(trial.before, trial.after, rows), strict=True):
        was, now = int(found.before.grade[row]), int(found.after.grade[row])
        computed = int(trial.before.outcomes.grade[row])
        if trial.against_published and was != computed:
            # the same scheme: published grades exist for the run's own only
            name = trial.before.grade_name(computed) if computed != NO_GRADE else NOT_RATED
            why = "；".join(part for part in (f"公布前经调整（原计算 {name}）", why) if part)
        yield (
            trial.code[row].decode("ascii"),
            names.get(int(trial.pharmacy_id[row]), ""),
            districts.get(int(trial.district[row]), str(trial.district[row])),
            "连锁门店" if trial.chain[row] else "单体药店",
            SIZES[int(trial.size[row])],
            _move_text(found, row),
            _grade(found.before, was),
            _grade(found.after, now),
            None if was == NO_GRADE else _points(found.before.score[row]),
            None if now == NO_GRADE else _points(found.after.score[row]),
            why,
        )


def _move_text(found: Comparison, row: int) -> str:
    text, steps = MOVES[Move(int(found.move[row]))], int(found.steps[row])
    return f"{text} {steps} 级" if steps else text


def _grade(side: Side, position: int) -> str:
    return side.names[position] if position != NO_GRADE else NOT_RATED


def _points(score: int) -> Decimal:
    return Decimal(int(score)).scaleb(-3).normalize() + Decimal(0)


def _pharmacy_names(ids: list[int]) -> dict[int, str]:
    """Today's names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM ratings_pharmacy WHERE id = ANY(%s)", [ids])
        return dict(cursor.fetchall())


def district_names() -> dict[int, str]:
    return dict(District.objects.values_list("code", "name"))


def warnings(trial: Trial) -> Iterator[str]:
    """What whoever reads a trial must know first."""
    if not trial.faithful:
        yield (
            f"用当时的规则和事实重算，与批次 #{trial.run.pk} 所存的等级不一致：所存结果或事实可能被改动过，"
            f"请运行 manage.py replay {trial.run.pk} 查明。"
        )
    for title in trial.absent:
        yield f"试算规则读取的导入数值“{title}”在{trial.label}没有任何记录，各药店都按缺失处理。"

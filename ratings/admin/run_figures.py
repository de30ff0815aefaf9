"""Figures of one run: grades by district, cut points and medians of the peer groups."""

import json
from collections import defaultdict
from typing import Any

from django.core.cache import cache
from django.db.models import Count

from ratings.admin import show
from ratings.admin.grades import grade_names, readable
from ratings.admin.scope import Districts
from ratings.models import District, Rating, RatingRun
from ratings.rules.exact import decimal_text
from ratings.rules.peers import EVERYONE

#: A finished run never changes; its counts may be kept.
_KEPT_SECONDS = 24 * 3600


def grade_counts(run: RatingRun) -> dict[int, dict[int, int]]:
    """District code to grade position to number of pharmacies; -1 = not rated."""
    key = f"grades:{run.pk}:{run.outcomes_sha256}"
    known: dict[int, dict[int, int]] | None = cache.get(key) if run.outcomes_sha256 else None
    if known is None:
        known = defaultdict(dict)
        rows = (
            Rating.objects.filter(run=run).order_by().values_list("district", "grade").annotate(Count("pk"))
        )
        for district, grade, count in rows:
            known[district][grade] = count
        known = dict(known)
        if run.outcomes_sha256:
            cache.set(key, known, _KEPT_SECONDS)
    return known


def distribution(run: RatingRun, districts: Districts) -> dict[str, Any]:
    """The table of grades by district, of those that the user works for, with bar widths."""
    counts = {
        code: found for code, found in grade_counts(run).items() if districts is None or code in districts
    }
    names = dict(District.objects.filter(code__in=counts).values_list("code", "name"))
    grades = grade_names(run.scheme)
    positions = [*range(len(grades)), -1]
    rows = [
        _row(names.get(code, str(code)), code, counts[code], positions, grades) for code in sorted(counts)
    ]
    total: dict[int, int] = defaultdict(int)
    for found in counts.values():
        for grade, count in found.items():
            total[grade] += count
    if len(rows) > 1:
        rows.append(_row("合计", None, total, positions, grades))
    return {
        "grades": [{"badge": show.grade_badge(position, grades)} for position in positions],
        "rows": rows,
    }


def _row(
    name: str, code: int | None, counts: dict[int, int], positions: list[int], grades: list[tuple[str, str]]
) -> dict[str, Any]:
    total = sum(counts.values())
    return {
        "name": name,
        "code": code,
        "total": show.number(total),
        "cells": [
            {
                "count": show.number(counts.get(position, 0)),
                "share": f"{100 * counts.get(position, 0) / total:.1f}" if total else "0.0",
                "colour": show.grade_colour(position, len(grades)),
                "grade": grades[position][0] if position >= 0 else "-1",
            }
            for position in positions
        ],
    }


def peer_tables(run: RatingRun, districts: Districts) -> list[dict[str, Any]]:
    """Cut points and medians, as kept with the run; of the user's districts and of everyone."""
    peers = json.loads(run.peers) if isinstance(run.peers, str) else run.peers
    rules = readable(run.scheme)
    if not peers or rules is None:
        return []
    names = {f"{code:06d}": name for code, name in District.objects.values_list("code", "name")}
    tables = []
    rows: list[tuple[str, ...]]
    titles = {indicator.id: indicator.title for indicator in rules.indicators}
    for indicator, groups in sorted(peers.get("medians", {}).items()):
        rows = [
            (
                _group_name(group, names),
                show.number(figure["size"]),
                _percent(figure["values"][0]),
                _own(figure),
            )
            for group, figure in _seen(groups, districts)
        ]
        title = f"{titles.get(indicator, indicator)}：同组中位数"
        tables.append(show.table(title, ("分组", "可比药店", "中位数", "说明"), rows))
    if peers.get("cuts"):
        grades = [row.grade for row in rules.document.bands.rows][:-1]
        rows = [
            (
                _group_name(group, names),
                show.number(figure["size"]),
                *("—" if value is None else show.points(value) for value in figure["values"]),
                _own(figure),
            )
            for group, figure in _seen(peers["cuts"], districts)
        ]
        headers = ("分组", "已评级药店", *(f"{grade} 级分数线" for grade in grades), "说明")
        tables.append(show.table("分数线", headers, rows))
    return tables


def _seen(groups: dict[str, Any], districts: Districts) -> list[tuple[str, Any]]:
    return [
        (group, figure)
        for group, figure in sorted(groups.items())
        if group == EVERYONE or districts is None or int(group[:6]) in districts
    ]


def _group_name(group: str, names: dict[str, str]) -> str:
    if group == EVERYONE:
        return "全部药店"
    code, _, form = group.partition("+")
    return names.get(code, code) + {"": "", "chain": " 连锁", "single": " 单体"}[form]


def _percent(basis_points: int | None) -> str:
    return "—" if basis_points is None else f"{decimal_text(basis_points, 100, 2)}%"


def _own(figure: dict[str, Any]) -> str:
    return "" if figure["own"] else "本组药店过少，用全部药店的数值"

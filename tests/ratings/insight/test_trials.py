"""Schemes tried on finished runs: nobody moves under the scheme in force, and nothing is stored."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.insight import lab_report, trials
from ratings.insight.lab import Move
from ratings.insight.trials import (
    COMPUTED,
    PUBLISHED,
    Trial,
    is_published,
    offered_runs,
    try_out,
    usual_runs,
    work_of,
)
from ratings.models import District, Rating, RatingPeriod, RatingRun
from ratings.rules import Scheme, SignalsError, parse_scheme, shipped_schemes
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import void_fact
from ratings.services.publication import publish_period
from ratings.services.runs import simulate, start_run
from ratings.services.schemes import parsed, store_scheme
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.test_runs import (
    CUTOFF,
    PERIOD,
    laid_aside_guards,
    rate_now,
    scheme_in_force,
    small_city,
)

pytestmark = pytest.mark.django_db
TEXT = shipped_schemes()["shaoxing-style"].read_text()
#: Every second shop of the small city has grown beyond the floor of points for growth.
HARSH = ("floor = -20\npeer", "floor = -30\npeer")


def draft(*swaps: tuple[str, str]) -> Scheme:
    text = TEXT
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return parse_scheme(text)


def one(scheme: Scheme, run: RatingRun, against: Scheme | str = COMPUTED) -> Trial:
    (trial,) = try_out(scheme, [run], against)
    return trial


def row_counts() -> dict[str, int]:
    """Of every table that the database has, Django's models or not."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    assert {model._meta.db_table for model in apps.get_models()} <= counts.keys()
    return counts


def touched() -> int:
    """Rows that this transaction has written, changed or deleted so far, in whatever table."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int FROM pg_stat_xact_user_tables
            WHERE schemaname = 'public'
        """)
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("key", shipped_schemes())
def test_the_scheme_in_force_moves_nobody(key: str) -> None:
    small_city()
    factories.violation(factories.pharmacy(), kind="OTHER_FRAUD", decided_on=date(2025, 12, 1))
    run = rate_now(scheme=scheme_in_force(key))
    trial = one(parsed(run.scheme), run)
    assert trial.comparison.changed == 0
    assert trial.comparison.before.score.tolist() == trial.comparison.after.score.tolist()
    assert (trial.faithful, trial.effects, len(trial)) == (True, (), run.pharmacies)
    assert lab_report.headline(trial) == f"{run.pharmacies} 家药店的等级都不变。"
    assert list(lab_report.listed(trial, {})) == []


def test_facts_recorded_or_voided_since_do_not_move_anybody() -> None:
    shops = small_city()
    run = rate_now()
    factories.violation(shops[1], decided_on=date(2025, 12, 1), recorded_at=CUTOFF + timedelta(days=1))
    void_fact(shops[0].violation_set.get(), reason="撤销", by=Actor("x"))
    trial = one(parsed(run.scheme), run)
    assert (trial.comparison.changed, trial.faithful) == (0, True)


def test_nothing_is_stored() -> None:
    small_city()
    run = rate_now()
    lives.published(run)
    before, written = row_counts(), touched()
    assert written > 0
    for against in (COMPUTED, PUBLISHED, draft(("min = 90", "min = 95"))):
        for trial in try_out(draft(HARSH), [run], against):
            names = lab_report.district_names()
            assert lab_report.tables(trial, names)
            assert list(lab_report.listed(trial, names))
    assert (row_counts(), touched()) == (before, written)


def test_what_was_decided_since_moves_nobody_under_the_scheme_in_force() -> None:
    """Adjusted and reckoned again: a trial holds the draft against the run as it was computed."""
    shops = small_city()
    run = rate_now()
    life = desk.life(run)
    first, second = (Rating.objects.get(run=run, pharmacy=shop) for shop in shops[1:3])
    desk.decided(desk.adjustment(life, first, to_grade=first.grade + 1))
    again = desk.rerating(second, grade=second.grade + 1, grade_before_caps=second.grade + 1)
    desk.decided(desk.adjustment(life, second, cause="CORRECTION", rerating=again, to_grade=second.grade + 1))
    publish_period(desk.walk(life, "FINAL"), by=lives.APPROVER)
    RatingPeriod.objects.filter(pk=life.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=desk.NOW
    )
    run = RatingRun.objects.get(pk=run.pk)
    trial = one(draft(), run)
    assert (trial.comparison.changed, trial.faithful) == (0, True)
    assert trial.comparison.before.score.tolist() == trial.comparison.after.score.tolist()
    held = one(draft(), run, PUBLISHED).comparison
    assert (held.changed, held.count(Move.BETTER)) == (2, 2)


def test_a_draft_gives_what_simulate_gives() -> None:
    shops = small_city()
    run = rate_now()
    scheme = draft(HARSH, ("lt = 6 }", "lt = 0 }"))
    trial = one(scheme, run)
    signals, outcomes = simulate(PERIOD, scheme, cutoff=run.cutoff)
    assert trial.comparison.after.grade.tolist() == outcomes.grade.tolist()
    assert trial.comparison.after.score.tolist() == outcomes.score.tolist()
    assert trial.code.tolist() == signals.code.tolist()
    stored = {
        rating.pharmacy.code.encode(): rating.grade for rating in Rating.objects.select_related("pharmacy")
    }
    assert [stored[code] for code in trial.code.tolist()] == trial.comparison.before.grade.tolist()
    assert trial.comparison.count(Move.ENTERED) == 1
    assert trial.comparison.count(Move.WORSE) > 0
    rows = {row[0]: row for row in lab_report.listed(trial, lab_report.district_names())}
    assert rows[shops[1].code][5].startswith("降级")
    assert "医保基金支付增幅" in rows[shops[1].code][-1]


def test_effects_are_what_each_part_does_alone() -> None:
    small_city()
    run = rate_now()
    parts = (HARSH, ("lt = 6 }", "lt = 0 }"), ("min = 90", "min = 99"))
    trial = one(draft(*parts), run)
    alone = {}
    for part in parts:
        moved = one(draft(part), run).comparison
        alone[part[1]] = tuple(moved.count(move) for move in Move)
    assert sorted(effect.moves or () for effect in trial.effects) == sorted(alone.values())
    assert {effect.step.part for effect in trial.effects} == {"指标", "不予评价", "等级的划分"}
    table = lab_report.effects(trial)
    assert [row[3] for row in table.rows] == [sum((effect.moves or ())[1:]) for effect in trial.effects]


def test_too_many_changed_parts_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    small_city()
    run = rate_now()
    monkeypatch.setattr(trials, "MOST_STEPS", 1)
    trial = one(draft(HARSH, ("min = 90", "min = 99")), run)
    assert (len(trial.effects), trial.left_out) == (1, 1)
    assert "另有 1 处没有单独计算" in lab_report.effects(trial).note


def test_another_scheme_is_held_against_on_its_own_scale() -> None:
    small_city()
    run = rate_now()
    nantong = parse_scheme(shipped_schemes()["nantong"].read_text())
    trial = one(nantong, run, draft(HARSH))
    assert trial.comparison.before.title == "对照规则"
    assert trial.comparison.count(Move.OTHER) + trial.comparison.count(Move.SAME) > 0
    assert trial.comparison.count(Move.BETTER) == trial.comparison.count(Move.WORSE) == 0
    assert trial.faithful
    told = list(lab_report.warnings(trial))
    assert any("没有任何记录" in text for text in told), told
    grades = lab_report.distribution(trial)
    assert [row[0] for row in grades.rows] == ["A", "B", "C", "D", "终止", "不予评级"]
    effects = {effect.step.title: effect.moves for effect in trial.effects}
    assert effects["信用分"] is None
    assert "离开其他改动不能单独成立" in lab_report.effects(trial).note


def test_against_what_was_published() -> None:
    shops = small_city()
    run = rate_now()
    life = desk.life(run)
    rating = Rating.objects.get(pharmacy=shops[2])
    desk.decided(desk.adjustment(life, rating, to_grade=rating.grade + 1))
    publish_period(desk.walk(life, "FINAL"), by=lives.APPROVER)
    RatingPeriod.objects.filter(pk=life.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=desk.NOW
    )
    (run,) = offered_runs()
    assert is_published(run)
    same = one(parsed(run.scheme), run)
    assert same.comparison.changed == 0
    assert same.published is not None
    assert same.published.changed == 1, "only the adjusted one"
    assert "公布（家）" in lab_report.distribution(same).headers
    assert len(lab_report.tables(same, {})) == 8
    trial = one(parsed(run.scheme), run, PUBLISHED)
    assert trial.against_published
    (row,) = lab_report.listed(trial, {})
    assert row[0] == shops[2].code
    assert row[-1].startswith("公布前经调整（原计算 A）")
    assert len(lab_report.tables(trial, {})) == 7


def test_a_run_that_is_not_published_cannot_be_held_against_publication() -> None:
    small_city()
    run = rate_now()
    with pytest.raises(Refused, match="尚未公布"):
        one(parsed(run.scheme), run, PUBLISHED)
    desk.life(run, "PUBLISHED")
    (run,) = offered_runs()
    trial = one(parsed(run.scheme), run)
    assert trial.published is None, "walked past the services: nothing is in the ledger"


def test_a_district_is_tried_by_itself() -> None:
    small_city()
    run = rate_now(district=District.objects.get(code=330603))
    trial = one(draft(HARSH), run)
    assert (len(trial), trial.scope, trial.faithful) == (3, "柯桥区", True)
    assert set(trial.district.tolist()) == {330603}


def test_what_was_tampered_with_is_said() -> None:
    shops = small_city()
    run = rate_now()
    with laid_aside_guards():
        Rating.objects.filter(pharmacy=shops[1]).update(score=1)
    trial = one(parsed(run.scheme), run)
    assert not trial.faithful
    assert f"manage.py replay {run.pk}" in next(iter(lab_report.warnings(trial)))
    with laid_aside_guards():
        Rating.objects.filter(pharmacy=shops[1]).delete()
    assert not one(parsed(run.scheme), run).faithful


def test_facts_that_do_not_fit_are_told_with_the_period() -> None:
    small_city()
    run = rate_now()
    text = shipped_schemes()["weighted"].read_text()
    text = re.sub(r'if_missing = "\w+"(\nmissing_points = \S+)?', 'if_missing = "error"', text)
    scheme = parse_scheme(text)
    with pytest.raises(SignalsError, match=r"2025年下半年（批次 #\d+）：缺少数值"):
        one(scheme, run)


def test_a_scheme_of_too_many_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small_city()
    run = rate_now()
    monkeypatch.setattr(trials, "MOST_WORK", work_of(draft()))
    assert one(draft(), run).comparison.changed == 0
    monkeypatch.setattr(trials, "MOST_WORK", work_of(draft()) - 1)
    for arguments in ((draft(), run), (replace(draft(), hash="x"), run, draft())):
        with pytest.raises(Refused, match="过多，不能试算"):
            one(*arguments)


def test_an_unfinished_run_is_refused() -> None:
    small_city()
    run = rate_now()
    unfinished = RatingRun(period=run.period, scheme=run.scheme, cutoff=run.cutoff, state="RUNNING")
    with pytest.raises(Refused, match="尚未完成"):
        one(draft(), unfinished)


def test_the_last_two_published_are_usual() -> None:
    small_city()
    scheme = scheme_in_force()
    made = [
        start_run(Period.parse(code), scheme, cutoff=CUTOFF, by=Actor("x"))
        for code in ("2024H1", "2024H2", "2025H1", "2025H2")
    ]
    assert [run.period for run in usual_runs(offered_runs())] == ["2025H2", "2025H1"]
    lives.published(made[0])
    assert [run.period for run in usual_runs(offered_runs())] == ["2024H1"]
    lives.published(made[1])
    lives.published(made[2])
    assert [run.period for run in usual_runs(offered_runs())] == ["2025H1", "2024H2"]
    later = start_run(Period.parse("2025H1"), scheme, cutoff=CUTOFF + timedelta(days=1), by=Actor("x"))
    periods = [(run.period, run.pk) for run in offered_runs()]
    assert periods[1:3] == [("2025H1", made[2].pk), ("2025H1", later.pk)], "the published one first"


def queries(shops: int) -> int:
    small_city(shops)
    run = rate_now()
    lives.published(run)
    (run,) = [each for each in offered_runs() if each.pk == run.pk]
    with CaptureQueriesContext(connection) as seen:
        trial = one(draft(HARSH, ("base_score = 100", "base_score = 85")), run)
        names: Any = lab_report.district_names()
        lab_report.tables(trial, names)
        assert len(list(lab_report.listed(trial, names))) >= shops // 2
    return len(seen)


def test_the_number_of_queries_does_not_depend_on_the_city() -> None:
    assert queries(3) <= 20


def test_the_number_of_queries_of_a_larger_city() -> None:
    assert queries(24) <= 20


def test_a_stored_draft_can_be_tried() -> None:
    small_city()
    run = rate_now()
    stored = store_scheme(TEXT.replace("version = 1", "version = 2").replace(*HARSH), by=Actor("x"))
    assert one(parsed(stored), run).comparison.changed > 0

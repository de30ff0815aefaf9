"""simulate: the lab in a shell."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ratings.models import RatingRun
from ratings.services.audit import SYSTEM
from ratings.services.schemes import store_scheme
from tests.ratings.insight.test_trials import HARSH, TEXT, row_counts
from tests.ratings.services import lives
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = pytest.mark.django_db
HARSHER = TEXT.replace(*HARSH).replace("version = 1", "version = 2")


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("simulate", *map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def rated() -> RatingRun:
    small_city()
    made = rate_now()
    lives.published(made)
    return made


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "草案.toml"
    path.write_text(HARSHER)
    return path


def test_prints_what_would_change_and_stores_nothing(rated: RatingRun, draft: Path) -> None:
    before = row_counts()
    text = run(draft)
    assert row_counts() == before
    for wanted in (
        "7 家药店中 3 家变动（42.9%）：降级 3 家。",
        "indicators[growth].floor",
        "【迁移矩阵：公布 → 试算】",
        "【按区县】",
        "没有存入",
    ):
        assert wanted in text
    table = text[text.index("【等级分布】") :].split("\n")[1:4]
    assert [line.split()[0] for line in table] == ["等级", "A", "B"]


def test_the_whole_list_as_csv(rated: RatingRun, draft: Path, tmp_path: Path) -> None:
    file = tmp_path / "名单.csv"
    run(draft, "--csv", file)
    written = file.read_text("utf-8-sig").splitlines()
    assert len(written) == 4
    assert written[0].startswith("评价周期,批次,定点编码,药店")
    assert run(draft, "--csv", "-").splitlines() == written


def test_runs_and_periods_can_be_named(rated: RatingRun, draft: Path) -> None:
    later = rate_now(scheme=rated.scheme, cutoff=rated.cutoff.replace(day=20))
    assert f"批次 #{rated.pk}" in run(draft, "--period", "2025h2"), "the published one"
    text = run(draft, "--run", later.pk, "--run", rated.pk)
    assert f"批次 #{later.pk}" in text
    assert f"批次 #{rated.pk}" in text
    assert text.count("规则文本与") == 1


def test_against_another_draft_or_what_was_published(rated: RatingRun, draft: Path) -> None:
    store_scheme(HARSHER, by=SYSTEM)
    assert "7 家药店的等级都不变" in run(draft, "--against", "shaoxing-style@2")
    assert "升级 3 家" in run("shaoxing-style@1", "--against", draft)
    assert "降级 3 家" in run("shaoxing-style@2", "--against", "published")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["没有.toml"], "读不到文件"),
        (["nantong@9"], "没有规则"),
        (["{draft}", "--run", "999999"], "没有评价批次 #999999"),
        (["{draft}", "--period", "2024H1"], "还没有完成的评价"),
        (["{draft}", "--period", "2024H3"], "无法识别"),
        (["{draft}", "--csv", "/proc/none/x.csv"], "写不了文件"),
        (["{broken}"], "规则有 1 处问题"),
        (["{gbk}"], "不是 UTF-8"),
    ],
)
def test_refuses_with_a_reason(rated: RatingRun, draft: Path, arguments: list[str], message: str) -> None:
    broken, gbk = draft.with_name("坏.toml"), draft.with_name("gbk.toml")
    broken.write_text(HARSHER.replace("floor = 0", "floor = x", 1))
    gbk.write_bytes("标题".encode("gb18030"))
    with pytest.raises(CommandError, match=message):
        run(*(argument.format(draft=draft, broken=broken, gbk=gbk) for argument in arguments))


def test_without_any_run(draft: Path) -> None:
    with pytest.raises(CommandError, match="还没有完成的评价"):
        run(draft)

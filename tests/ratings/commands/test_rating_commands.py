"""rate, replay, explain, scheme: what they print, and how they refuse."""

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ratings.models import Rating, RatingRun, SchemeVersion
from ratings.rules import shipped_schemes
from tests import factories
from tests.ratings.services.test_runs import laid_aside_guards, scheme_in_force, small_city

pytestmark = pytest.mark.django_db
CUTOFF = "2026-01-05T13:00"


def run(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


class TestRate:
    def test_prints_the_grades_and_the_fingerprint(self) -> None:
        small_city()
        scheme_in_force()
        text = run("rate", "2025h2", "--cutoff", CUTOFF, "-v0")
        stored = RatingRun.objects.get()
        assert stored.outcomes_sha256 in text
        assert "不予评级　1 家；合计 7 家" in text
        assert run("rate", "2025H2", "--cutoff", CUTOFF, "-v0") == text

    def test_dry_run_stores_nothing_and_tries_drafts(self) -> None:
        small_city()
        call_command("scheme", "store", str(shipped_schemes()["curve"]), stdout=StringIO())
        text = run("rate", "2025H2", "--scheme", "curve@1", "--cutoff", CUTOFF, "--dry-run")
        assert "没有存入" in text
        assert not RatingRun.objects.exists()

    def test_one_district_by_name_or_code(self) -> None:
        small_city()
        scheme_in_force()
        for name in ("柯桥区", "330603"):
            run("rate", "2025H2", "--cutoff", CUTOFF, "--district", name, "-v0")
        assert RatingRun.objects.get().pharmacies == 3

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["2025H3"], "无法识别"),
            (["2025H2", "--district", "火星区"], "没有区县“火星区”"),
            (["2025H2", "--district", "330699"], "没有区县"),
            (["2025H2", "--cutoff", "昨天"], "无法识别"),
            (["2025H2", "--scheme", "none"], "没有施行中的规则"),
            (["2025H2", "--cutoff", "2025-12-30"], "太早"),
            (["2025H2", "--cutoff", "9999-12-31"], "无法识别"),
            (["2098"], "尚未结束"),
            (["2025H2", "--cutoff", "2999-01-01"], "还没有到"),
        ],
    )
    def test_refuses_with_a_reason(self, arguments: list[str], message: str) -> None:
        small_city()
        scheme_in_force()
        with pytest.raises(CommandError, match=message):
            run("rate", *arguments)

    def test_a_day_as_cutoff_means_its_end(self) -> None:
        small_city()
        scheme_in_force()
        run("rate", "2025H2", "--cutoff", "2026-01-05", "-v0")
        assert RatingRun.objects.get().cutoff.isoformat() == "2026-01-05T16:00:00+00:00"

    def test_now_as_cutoff(self) -> None:
        small_city()
        scheme_in_force()
        assert "没有存入" in run("rate", "2025H2", "--cutoff", "now", "--dry-run")


class TestReplay:
    def test_says_same_and_different(self) -> None:
        shop = small_city()[1]
        scheme_in_force()
        run("rate", "2025H2", "--cutoff", CUTOFF, "-v0")
        number = RatingRun.objects.get().pk
        assert "一致" in run("replay", number)
        with laid_aside_guards():
            Rating.objects.filter(pharmacy=shop).update(score=1)
            shop.fundpayment_set.update(settlements=1, amount_fen=5)
        out = StringIO()
        with pytest.raises(CommandError, match="不一致"):
            call_command("replay", number, stdout=out, stderr=out)
        assert "输入（事实或登记）与当时不同" in out.getvalue()
        assert f"{shop.code}　score　存 1" in out.getvalue()

    def test_unknown_run(self) -> None:
        with pytest.raises(CommandError, match="没有评价批次 #7"):
            run("replay", 7)


class TestExplain:
    def test_tells_every_point(self) -> None:
        shop = small_city()[0]
        scheme_in_force()
        run("rate", "2025H2", "--cutoff", CUTOFF, "-v0")
        text = run("explain", shop.code.lower(), "2025H2")
        assert shop.violation_set.get().document_no in text
        assert "【如何改进】" in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["P33060277777", "2025H2"], "没有登记定点编码"),
            (["{code}", "2024H2"], "还没有完成的评价"),
            (["{code}", "2025H2", "--scheme", "nantong"], "rate 2025H2 --scheme nantong"),
            (["{code}", "2025H2", "--run", "999999"], "#999999 中没有"),
        ],
    )
    def test_refuses_with_a_reason(self, arguments: list[str], message: str) -> None:
        shop = small_city()[0]
        scheme_in_force()
        run("rate", "2025H2", "--cutoff", CUTOFF, "-v0")
        with pytest.raises(CommandError, match=message):
            run("explain", *(argument.format(code=shop.code) for argument in arguments))

    def test_says_why_a_closed_shop_was_not_rated(self) -> None:
        small_city()
        closed = factories.pharmacy(designated_until=date(2025, 9, 1))
        scheme_in_force()
        run("rate", "2025H2", "--cutoff", CUTOFF, "-v0")
        with pytest.raises(CommandError, match="2025-09-01 起不再定点"):
            run("explain", closed.code, "2025H2")


class TestScheme:
    def test_check_store_activate_list_show(self) -> None:
        path = str(shipped_schemes()["nantong"])
        assert "通过" in run("scheme", "check", path)
        assert not SchemeVersion.objects.exists()
        assert "已存：nantong@1" in run("scheme", "store", path)
        assert "草案" in run("scheme", "list")
        assert "已启用：nantong@1" in run("scheme", "activate", "nantong@1", "--reason", "某文号")
        assert "启用" in run("scheme", "list")
        assert run("scheme", "show", "nantong@1").strip() == Path(path).read_text().strip()

    def test_activate_a_file_at_once(self) -> None:
        run("scheme", "activate", str(shipped_schemes()["curve"]))
        assert SchemeVersion.objects.get().in_force

    def test_check_lists_every_problem_with_file_path_and_remedy(self, tmp_path: Path) -> None:
        path = tmp_path / "坏规则.toml"
        text = shipped_schemes()["shaoxing-style"].read_text()
        path.write_text(
            text.replace("[score]", "[scores]").replace("base_score = 100", "base_score = 100.0001")
        )
        out = StringIO()
        with pytest.raises(CommandError, match=r"规则有 \d+ 处问题"):
            call_command("scheme", "check", str(path), stdout=out, stderr=out)
        lines = [line for line in out.getvalue().splitlines() if line]
        assert len(lines) >= 2
        assert all(line.startswith("坏规则.toml：") and "改正办法：" in line for line in lines)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["check", "没有.toml"], "读不到文件"),
            (["activate", "nantong"], "请写明版本"),
            (["activate", "nantong@4"], "没有规则"),
            (["show", "nantong"], "没有施行中的规则"),
        ],
    )
    def test_refuses_with_a_reason(self, arguments: list[str], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            run("scheme", *arguments)

    def test_another_encoding_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "gbk.toml"
        path.write_bytes("标题".encode("gb18030"))
        with pytest.raises(CommandError, match="不是 UTF-8"):
            run("scheme", "check", str(path))

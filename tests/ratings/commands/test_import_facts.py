"""manage.py import_facts: the table, the refusals, the exit code."""

import getpass
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from creditsys import geo
from ratings.models import AuditEvent, FundPayment, ImportBatch, Pharmacy
from tests import factories

CODE = "P33060200001"
PAYMENTS = f"定点编码,月份,基金支付,结算人次\n{CODE},2025-03,1.00,1\n"


@pytest.fixture(autouse=True)
def kept_files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "kept"


@pytest.fixture
def shop(db: None) -> Pharmacy:
    return factories.pharmacy(code=CODE)


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_facts", *map(str, arguments), stdout=out)
    return out.getvalue()


def written(tmp_path: Path, text: str, name: str = "支付.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_a_good_file_goes_in(shop: Pharmacy, tmp_path: Path) -> None:
    said = run("payments", written(tmp_path, PAYMENTS), "--by", "王经办")
    assert "已入库" in said
    assert "UTF-8" in said
    assert FundPayment.objects.get().recorded_by == f"王经办（{getpass.getuser()}，manage.py import_facts）"
    assert AuditEvent.objects.filter(action="import.accept").count() == 1


def test_a_dry_run_writes_nothing(shop: Pharmacy, tmp_path: Path) -> None:
    said = run("payments", written(tmp_path, PAYMENTS), "--dry-run")
    assert "没有写入" in said
    assert not FundPayment.objects.exists()
    assert ImportBatch.objects.get().state == "DROPPED"


def test_refused_rows_stop_it(shop: Pharmacy, tmp_path: Path) -> None:
    bad = written(
        tmp_path, PAYMENTS + "".join(f"P33060299999,{year}-01,1.00,1\n" for year in range(2000, 2025))
    )
    problems = tmp_path / "problems.csv"
    out = io.StringIO()
    with pytest.raises(CommandError, match="25 行被拒收") as caught:
        call_command("import_facts", "payments", str(bad), "--problems", str(problems), stdout=out)
    assert caught.value.returncode == 1
    assert not FundPayment.objects.exists()
    said = out.getvalue()
    assert said.count("没有登记") == 20
    assert "第 3 行 [定点编码] P33060299999" in said
    assert len(problems.read_text("utf-8-sig").splitlines()) == 26
    assert "跳过被拒收的 25 行" in run("payments", bad, "--accept-valid")
    assert FundPayment.objects.count() == 1


def test_mapping_and_defaults_on_the_line(shop: Pharmacy, tmp_path: Path) -> None:
    path = written(tmp_path, f"药店,所属月,费用,备注\n{CODE},2025-03,1.00,无\n")
    said = run(
        "payments",
        path,
        *("--map", "药店=pharmacy", "--map", "所属月=month", "--map", "费用=amount"),
        *("--default", "settlements=5"),
    )
    assert "未使用的列：备注" in said
    assert "费用 → amount" in said
    assert FundPayment.objects.get().settlements == 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.toml", '[columns]\n"药店" = "pharmacy"\n"费用" = "amount"\n[defaults]\nsettlements = 5\n'),
        ("m.json", '{"columns": {"药店": "pharmacy", "费用": "amount"}, "defaults": {"settlements": 5}}'),
        ("m.toml", '"药店" = "pharmacy"\n"费用" = "amount"\n"人次" = "settlements"\n'),
    ],
)
def test_mapping_files(shop: Pharmacy, tmp_path: Path, name: str, text: str) -> None:
    mapping = written(tmp_path, text, name)
    path = written(tmp_path, f"药店,月份,费用,人次\n{CODE},2025-03,1.00,\n".replace(",\n", ",5\n"))
    run("payments", path, "--mapping", mapping)
    assert FundPayment.objects.get().settlements == 5


@pytest.mark.parametrize("text", ["[columns", "[people]\na = 1\n[columns]\na = 'b'\n"])
def test_bad_mapping_files(shop: Pharmacy, tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError, match=r"m\.toml"):
        run("payments", written(tmp_path, PAYMENTS), "--mapping", written(tmp_path, text, "m.toml"))


def test_a_shop_list_in_gcj02_as_found_on_the_net(db: None, tmp_path: Path) -> None:
    factories.district(440304, "福田区")
    path = written(
        tmp_path,
        "designated_code,name,address,district,lng,lat,coord_system,geo_source,approx\n"
        "P44030400001,示例药房,示例路1号,福田区,114.047477,22.558248,GCJ-02,poi,\n",
    )
    said = run("pharmacies", path, "--default", "designated_on=2015-01-01")
    assert "未使用的列：geo_source、approx" in said
    found = Pharmacy.objects.get()
    assert (found.latitude, found.longitude) == pytest.approx(
        geo.gcj02_to_wgs84(22.558248, 114.047477), abs=1e-7
    )
    assert "未变             1" in run("pharmacies", path, "--default", "designated_on=2015-01-01")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["paymnets", "x.csv"], "payments"),
        (["payments", "nowhere.csv"], "打不开"),
        (["payments", "x.csv", "--by", "王" * 61], "--by"),
        (["payments"], "写明"),
        (["payments", "x.csv", "--map", "无等号"], "--map"),
        (["payments", "x.csv", "--mapping", "nowhere.toml"], "打不开"),
    ],
)
def test_wrong_arguments(db: None, arguments: list[str], word: str) -> None:
    with pytest.raises(CommandError, match=word):
        run(*arguments)


def test_unreadable_files(shop: Pharmacy, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="缺少列"):
        run("payments", written(tmp_path, "定点编码,月份\nP33060200001,2025-03\n"))


def test_kinds_and_templates() -> None:
    listed = run("--kinds")
    assert "payments  月度基金支付" in listed
    assert "* amount  基金支付" in listed
    assert run("--template", "payments").splitlines()[0] == "定点编码,月份,基金支付,结算人次"

"""Settings: documented, and refusing what is unsafe or unknown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "CREDITSYS_ENV": "production",
    "SECRET_KEY": "x" * 60,
    "ALLOWED_HOSTS": "credit.example.org",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:5432/none",
    "SIGNING_KEY": "ab" * 32,
}


def settings_with(**variables: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a fresh process with only these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from creditsys import settings as s; print(s.DEBUG, s.SECURE_HSTS_SECONDS if s.PRODUCTION else '')",
        ],
        env={**kept, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_every_variable_is_in_the_readme() -> None:
    code = (ROOT / "creditsys" / "settings.py").read_text()
    used = set(re.findall(r'(?:env\.\w+|required|positive)\(\s*"([A-Z_]+)"', code))
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert len(used) > 10
    assert used - table == set()
    elsewhere = {"CREDITSYS_POSTGRES_BIN", "CREDITSYS_POSTGRES_FAST", "CREDITSYS_CI"}
    assert table - used == elsewhere


def test_production_with_all_it_needs() -> None:
    assert settings_with(**PRODUCTION, DEBUG="1").stdout.split() == ["False", "31536000"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "SIGNING_KEY"])
def test_production_demands_its_secrets(name: str) -> None:
    process = settings_with(**{**PRODUCTION, name: ""})
    assert process.returncode != 0
    assert f"ImproperlyConfigured: Set {name}:" in process.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CREDITSYS_ENV", "prod"),
        ("RATING_PERIOD_MONTHS", "4"),
        ("NOTICE_WORKING_DAYS", "0"),
        ("NOTICE_WORKING_DAYS", "61"),
        ("SIGNING_KEY", "secret"),
        ("TRUSTED_KEYS", "ab,cd"),
        ("SIGN_IN_FAILURES", "0"),
    ],
)
def test_unknown_values_are_refused(name: str, value: str) -> None:
    process = settings_with(**{**PRODUCTION, name: value})
    assert f"{name} is" in process.stderr

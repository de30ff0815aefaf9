"""A fourth application, from another package: installed, added by one line, used, and removed without a trace.

The package lies in ``package/``, as somebody else would write it. All of it happens in processes of their own, on a
database of their own.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection

HERE: Final = Path(__file__).parent
#: The line.
ADDED: Final = {"MORE_APPLICATIONS": "pharmacy_badges.application.PharmacyBadges"}


def wheel(folder: Path) -> Path:
    """The package as a wheel (PEP 427), by hand: no build backend is among what the tests stand on."""
    package = HERE / "package"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    name = f"{project['name'].replace('-', '_')}-{project['version']}"
    files = {
        str(path.relative_to(package)): path.read_bytes()
        for path in sorted((package / "pharmacy_badges").rglob("*"))
        if path.suffix in {".py", ".html"}
    }
    files[f"{name}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n".encode()
    )
    files[f"{name}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"
        for path, content in files.items()
    )
    files[f"{name}.dist-info/RECORD"] = f"{record}{name}.dist-info/RECORD,,\n".encode()
    made = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made


@pytest.fixture
def database(django_db_setup: None) -> Iterator[str]:
    """An empty database beside that of the tests: its address."""
    told = connection.settings_dict
    name = f"{told['NAME']}_fourth"
    server = {
        "host": told["HOST"],
        "port": told["PORT"] or None,
        "user": told["USER"],
        "password": told["PASSWORD"],
    }
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as administers:
        administers.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        administers.execute(f'CREATE DATABASE "{name}"')
        login = f"{quote(told['USER'] or '')}:{quote(told['PASSWORD'] or '')}"
        yield f"postgres://{login}@/{name}?host={told['HOST']}&port={told['PORT'] or 5432}"
        administers.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Machine:
    """Where the system runs: a database, a place for other packages, and the environment."""

    def __init__(self, database: str, folder: Path) -> None:
        self.packages = folder / "packages"
        path = os.pathsep.join([str(self.packages), str(settings.BASE_DIR)])
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("CREDITSYS_", "PYTEST"))
            },
            "DATABASE_URL": database,
            "CREDITSYS_DATA_DIR": str(folder / "data"),
            "PYTHONPATH": path,
            "DJANGO_SETTINGS_MODULE": "creditsys.settings",
        }

    def run(self, *command: str, **environment: str) -> str:
        """Python with these arguments; what it prints."""
        done = subprocess.run(
            [sys.executable, *command],
            env={**self.environment, **environment},
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, what: str, **environment: str) -> Any:
        """The answer of ``inside.py``."""
        return json.loads(self.run("-m", "tests.fourth.inside", what, **environment).splitlines()[-1])


@pytest.fixture
def machine(database: str, tmp_path: Path) -> Machine:
    return Machine(database, tmp_path)


def test_installed_added_used_and_removed(machine: Machine, tmp_path: Path) -> None:
    before = machine.ask("snapshot")

    made = wheel(tmp_path)
    machine.run(
        *["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"],
        str(machine.packages),
        str(made),
    )
    assert machine.ask("snapshot") == before  # installed is not yet in use

    used = machine.ask("use", **ADDED)
    assert used["page"] == [200, 404]
    assert "A 优秀" in used["text"]
    told = {name: used["api"][name] for name in ("code", "grade", "label", "publication")}
    assert told == {"code": used["code"], "grade": "A", "label": "优秀", "publication": 1}
    assert used["api of one below the minimum"] == 404
    assert used["described"] == "badges_read"
    assert used["menu"] and used["listed"] and used["worker"]
    assert used["granted"] == ["view_badge"]
    assert used["beat"] == ["pharmacy_badges.catch_up"]

    told = machine.run("manage.py", "remove_application", "pharmacy_badges", **ADDED)
    assert "pharmacy_badges_badge" in told and "徽章管理员" in told and "未作任何改动" in told
    machine.run("manage.py", "remove_application", "pharmacy_badges", "--yes", **ADDED)
    shutil.rmtree(machine.packages)
    after = machine.ask("snapshot")
    left = {what: set(rows) - set(before[what]) for what, rows in after.items()}
    assert not any(left.values()), left
    assert after == before

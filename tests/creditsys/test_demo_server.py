"""``make demo`` serves on a free port and ``make stop`` ends that server only."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditsys import demo_server


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CREDITSYS_DATA_DIR", str(tmp_path))
    yield tmp_path
    demo_server.stop_web(tmp_path)


def test_it_takes_the_next_free_port_and_starts_anew(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        address = demo_server.start(taken, data_dir)
        assert f"Port {taken} is taken" in capsys.readouterr().out
        assert demo_server.answers(address)
        first = demo_server.web_pid(data_dir)
        assert demo_server.start(taken, data_dir) == address
        assert demo_server.web_pid(data_dir) != first
    assert demo_server.stop_web(data_dir)
    assert not demo_server.answers(address)
    assert not demo_server.stop_web(data_dir)


def test_a_process_with_a_reused_number_is_left_alone(data_dir: Path) -> None:
    (data_dir / "web.pid").write_text(str(os.getpid()))
    assert not demo_server.stop_web(data_dir)


def test_a_server_that_does_not_start_names_its_log(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITSYS_ENV", "nonsense")
    with pytest.raises(demo_server.DemoServerError, match=r"web\.log"):
        demo_server.start(8000, data_dir)


@pytest.mark.parametrize("arguments", [[], ["start", "x"], ["start", "1", "2"], ["restart"]])
def test_wrong_arguments_show_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_server.main(arguments) == 2
    assert "usage" in capsys.readouterr().out

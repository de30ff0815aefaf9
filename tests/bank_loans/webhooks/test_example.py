"""The receiver of the guide runs, and takes what we send."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from applications.bank_loans import webhooks
from applications.bank_loans.models import LoanProduct, Reason
from applications.bank_loans.webhooks import messages, sending, services
from creditsys.sealing import seal
from ratings.services.audit import SYSTEM
from tests.bank_loans.webhooks.building import OTHER_SHOP, SECRET, SHOP, Clock, endpoint, queued, send

GUIDE = (Path(webhooks.__file__).parent / "README.md").read_text()


@pytest.fixture
def example(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Its address, and its process."""
    (code,) = re.findall(r"```python\n(.+?)```", GUIDE, re.DOTALL)
    (tmp_path / "receiver.py").write_text(code)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, tmp_path / "receiver.py", str(port)],
        env={"WEBHOOK_SECRET": SECRET, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/", process
        process.kill()


def test_the_receiver_of_the_guide(
    example: tuple[str, "subprocess.Popen[str]"], product: LoanProduct, clock: Clock
) -> None:
    url, process = example
    to = endpoint(url, state="UNVERIFIED", verified_at=None)
    to = services.verify_endpoint(to, by=SYSTEM)
    assert services.send_test(to, by=SYSTEM).is_good
    queued(product, [SHOP, OTHER_SHOP])
    assert send(to, clock).delivered == 2
    to.secret = seal("whsec_" + "A" * 32)
    assert services.send_test(to, by=SYSTEM).status == 401
    process.kill()
    assert process.stdout is not None
    assert process.stdout.read().splitlines() == [
        f"eligibility.lost {SHOP} 1",
        f"eligibility.lost {OTHER_SHOP} 2",
    ]


def test_the_guide_tells_types_reasons_and_waits() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.+) \|$", GUIDE, re.MULTILINE))
    assert set(rows) == {*messages.TITLES, messages.VERIFICATION, messages.TEST}
    of_the_grade = set(re.findall("`([a-z_]+)`", rows[messages.LOST]))
    assert of_the_grade == {str(reason) for reason in messages.OF_THE_GRADE}
    others = set(re.findall("`([a-z_]+)`", rows[messages.WITHDRAWN]))
    assert others == {str(reason) for reason in Reason} - of_the_grade
    waits = [wait.total_seconds() / 3600 for wait in sending.WAITS]
    assert waits[3:] == [2, 5, 10, 14, 20, 24]
    assert "5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours" in GUIDE

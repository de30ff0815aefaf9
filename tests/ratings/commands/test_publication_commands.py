"""Commands around the ledger: keys, published files, verification."""

import stat
from io import StringIO
from pathlib import Path
from typing import BinaryIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from ratings import verifier
from ratings.management.commands import publication_file
from ratings.models import Publication, PublishedGrade
from ratings.published import write_publication
from ratings.services import signing
from tests import factories
from tests.ratings.services import lives
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import laid_aside_guards, scheme_in_force


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def refused(name: str, *arguments: str) -> str:
    """What a command that fails says, status 1."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(name, *arguments, stdout=out, stderr=out)
    assert error.value.returncode == 1
    return f"{out.getvalue()}{error.value}"


class TestSigningKey:
    def test_shows_the_public_key_never_the_private_one(self, settings: LazySettings) -> None:
        shown = run("signing_key")
        assert signing.public_key().hex() in shown
        assert verifier.read_keys(shown) == [signing.public_key()]
        assert settings.SIGNING_KEY not in shown

    def test_a_new_one_in_a_file_of_its_owner(self, tmp_path: Path, settings: LazySettings) -> None:
        path = tmp_path / "key"
        shown = run("signing_key", "--new", str(path))
        seed = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert seed not in shown
        assert f"把现用公钥 {signing.public_key().hex()} 加入 TRUSTED_KEYS" in shown
        settings.SIGNING_KEY = seed
        assert verifier.read_keys(shown) == [signing.public_key()]

    def test_overwrites_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text("旧")
        assert "已存在" in refused("signing_key", "--new", str(path))
        assert path.read_text() == "旧"
        assert "写不了" in refused("signing_key", "--new", str(tmp_path / "no" / "key"))


def publish() -> None:
    """One period with two shops."""
    shops = [factories.pharmacy() for _ in range(2)]
    lives.published(lives.run_of(scheme_in_force(), *map(Result, shops)))


@pytest.mark.django_db(transaction=True)
class TestVerify:
    def test_what_holds(self) -> None:
        assert "相符：0 次发布" in run("verify_publication")
        publish()
        assert "相符：1 次发布，2 行" in run("verify_publication")
        assert "相符：发布 1 号，2 行" in run("verify_publication", "1")

    def test_what_does_not(self) -> None:
        publish()
        with laid_aside_guards():
            PublishedGrade.objects.filter(seq=2).update(grade="D")
        code = PublishedGrade.objects.get(seq=2).code
        assert f"发布 1 号，第 2 行，{code}：这一行被改动。" in refused("verify_publication")
        assert "没有这一发布" in refused("verify_publication", "7")

    def test_what_was_written_down_elsewhere(self) -> None:
        publish()
        sha256 = Publication.objects.get().statement_sha256
        assert f"：1:{sha256}" in run("verify_publication", "--anchor", f"1:{sha256}")
        assert "指纹与抄存的不符" in refused("verify_publication", "--anchor", f"1:{'0' * 64}")
        assert "2 号不在库中" in refused("verify_publication", "--anchor", f"2:{sha256}")
        assert "写作 序号:SHA-256" in refused("verify_publication", "--anchor", "latest")

    def test_a_file_is_what_the_ledger_has(self, tmp_path: Path) -> None:
        publish()
        path = tmp_path / "1.txt"
        assert "2 行" in run("publication_file", "1", "--output", str(path))
        assert verifier.main([signing.public_key().hex(), str(path)]) == 0
        assert "与库中的发布一致" in run("verify_publication", "--file", str(path))
        path.write_bytes(path.read_bytes().replace("优秀".encode(), "良好".encode(), 1))
        assert "序号 1（" in refused("verify_publication", "--file", str(path))
        assert verifier.main([signing.public_key().hex(), str(path)]) == 1

    def test_a_signed_file_that_the_ledger_does_not_have(self, tmp_path: Path) -> None:
        publish()
        path = tmp_path / "1.txt"
        run("publication_file", "1", "--output", str(path))
        with laid_aside_guards():
            PublishedGrade.objects.all().delete()
            Publication.objects.all().delete()
        assert "库中没有 1 号发布" in refused("verify_publication", "--file", str(path))

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_a_file_is_whole_or_not_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        publish()

        def fail(number: int, out: BinaryIO) -> None:
            write_publication(number, out)
            out.flush()
            assert not (tmp_path / "1.txt").exists()
            raise error

        monkeypatch.setattr(publication_file, "write_publication", fail)
        with pytest.raises((CommandError, KeyboardInterrupt)):
            run("publication_file", "1", "--output", str(tmp_path / "1.txt"))
        assert list(tmp_path.iterdir()) == []

    def test_words_for_what_cannot_be_done(self, tmp_path: Path) -> None:
        assert "还没有任何发布" in refused("publication_file", "1", "--output", str(tmp_path / "x"))
        publish()
        assert "现有 1 至 1 号" in refused("publication_file", "2", "--output", str(tmp_path / "x"))
        assert "已存在" in refused("publication_file", "1", "--output", str(Path(__file__)))
        told = refused("publication_file", "1", "--output", str(tmp_path / "no" / "x"))
        assert f"没有文件夹 {tmp_path / 'no'}：请先建立" in told
        assert "写不了" in refused("publication_file", "1", "--output", str(tmp_path / ("x" * 300)))
        (tmp_path / "folder").mkdir()
        assert "已存在" in refused("publication_file", "1", "--output", str(tmp_path / "folder"))
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]
        assert "读不到" in refused("verify_publication", "--file", str(tmp_path / "none"))

"""manage.py letters: started, gone on with after an interruption, listed."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ratings.models import IssuedDocument, LetterBatch, Pharmacy
from ratings.reports.letter_batches import write_letters
from ratings.services.letters import start_batch
from tests import factories
from tests.ratings.reports.lettering import SITE, noticed
from tests.ratings.services.regrading import CLERK, GOOD, enter
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("letters", *arguments, stdout=out, verbosity=0)
    return out.getvalue()


def test_a_batch_is_started_written_and_listed() -> None:
    _shops, _period = noticed()
    assert "还没有" in told()
    with pytest.raises(CommandError, match="--site"):
        told("--start", "2025H2", "--site", "")
    assert "本次写 3 份" in told("--start", "2025H2", "--district", "柯桥区", "--links", "--site", SITE)
    batch = LetterBatch.objects.get()
    assert f"#{batch.pk}　2025H2 柯桥区" in told()
    assert "3 / 3 份，未签发 0 份　附链接" in told()


def test_it_goes_on_where_it_stopped() -> None:
    _shops, period = noticed()
    batch = start_batch(period, None, with_links=False, site=SITE, by=CLERK)
    write_letters(batch, seconds=0.0001)
    assert IssuedDocument.objects.count() == 1
    assert "本次写 6 份" in told(str(batch.pk))
    assert "本次写 0 份" in told(str(batch.pk))
    with pytest.raises(CommandError, match="没有告知书批次"):
        told(str(batch.pk + 1))


def test_what_the_font_lacks_stops_it_unless_told_to_go_on() -> None:
    shops, _period = noticed()
    Pharmacy.objects.filter(pk=shops[GOOD].pk).update(name="𠮷药房")
    with pytest.raises(CommandError, match="--anyway"):
        told("--start", "2025H2", "--site", SITE)
    assert not LetterBatch.objects.exists()
    shown = told("--start", "2025H2", "--site", SITE, "--anyway")
    assert "其中未签发 1 份" in shown
    assert shops[GOOD].code in shown
    Pharmacy.objects.filter(pk=shops[GOOD].pk).update(name="吉药房")
    assert "其中未签发 0 份" in told(str(LetterBatch.objects.get().pk), "--retry")


def test_of_periods_of_several_districts_one_must_be_named() -> None:
    small_city()
    for code in (330602, 330603):
        enter(rate_now(district=factories.district(code)), "PUBLISHED")
    with pytest.raises(CommandError, match="--district"):
        told("--start", "2025H2", "--site", SITE)
    assert not LetterBatch.objects.exists()
    told("--start", "2025H2", "--district", "330602", "--site", SITE)
    assert LetterBatch.objects.get().period.district_id == 330602


def test_no_period_to_tell_of() -> None:
    factories.district()
    with pytest.raises(CommandError, match="没有公示中或已发布的评价周期"):
        told("--start", "2025H2", "--site", SITE)

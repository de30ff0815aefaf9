"""The documents' font has what they print: every fixed text, and what an installation holds, as the command says."""

import io
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from creditsys import pdf
from ratings.models import FACT_MODELS
from ratings.reports.glyphs import missing_in_fixed_texts
from ratings.rules import vocabulary
from ratings.rules.terms import load_terms
from tests import factories

ROOT: Final = Path(pdf.__file__).parents[1]
RARE: Final = "\N{CJK UNIFIED IDEOGRAPH-4DB5}"


@pytest.mark.parametrize("folder", ["ratings", "creditsys", "applications", "templates"])
@pytest.mark.parametrize("kind", ["py", "toml", "html"])
def test_every_text_in_code_schemes_and_pages_can_be_drawn(folder: str, kind: str) -> None:
    """Labels, terms, schemes, the demo city: whatever a document may take its words from."""
    gaps = {
        str(file.relative_to(ROOT)): "".join(lacking)
        for file in sorted((ROOT / folder).rglob(f"*.{kind}"))
        if (lacking := pdf.lacking(file.read_text()))
    }
    assert gaps == {}


def test_labels_as_the_admin_says_them() -> None:
    texts = [str(model._meta.verbose_name) for model in apps.get_models()]
    texts += [
        str(getattr(field, "verbose_name", ""))
        for model in apps.get_models()
        for field in model._meta.get_fields()
    ]
    assert FACT_MODELS
    assert pdf.lacking("".join(texts)) == {}


def test_terms_and_word_lists() -> None:
    assert missing_in_fixed_texts() == []


def test_settings_terms_and_word_lists_that_cannot_be_drawn(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CITY_NAME, settings.OFFICE_NAME = f"{RARE}市", f"{RARE}市医保局"
    settings.OBJECTION_CONTACT = f"{RARE}路1号"
    terms = tmp_path / "terms.toml"
    shipped = Path(load_terms.__code__.co_filename).with_name("terms.toml").read_text()
    terms.write_text(shipped.replace('source = "', f'source = "{RARE}', 1))
    settings.TERMS_FILE = terms
    words = vocabulary.Vocabulary("试词表", vocabulary.Term("X", f"甲{RARE}"))
    monkeypatch.setattr(vocabulary, "TRIED", words, raising=False)
    found = missing_in_fixed_texts()
    assert [each.where for each in found] == [
        "设置 CITY_NAME",
        "设置 OFFICE_NAME",
        "设置 OBJECTION_CONTACT",
        "办理期限",
        "试词表",
    ]
    assert {each.character for each in found} == {RARE}


@pytest.mark.parametrize("character", "､｡･㎡€㈱")
def test_signs_that_addresses_are_typed_with(character: str) -> None:
    assert pdf.lacking(character) == {}


def checked(**options: Any) -> str:
    out = io.StringIO()
    call_command("font_check", stdout=out, no_color=True, **options)
    return out.getvalue()


@pytest.mark.django_db
class TestCommand:
    def test_nothing_is_lacking(self) -> None:
        factories.violation(factories.pharmacy(address="解放路1号､2号"))
        assert "没有缺字" in checked()

    def test_what_is_lacking_where_and_what_to_do(self) -> None:
        shop, other = factories.pharmacy(name=f"某{RARE}药店"), factories.pharmacy(address=f"{RARE}村")
        out = io.StringIO()
        with pytest.raises(CommandError) as told:
            call_command("font_check", stdout=out, no_color=True)
        assert told.value.returncode == 1
        assert f"缺 1 个字符，共 2 处：{RARE}（U+4DB5）2 处" in str(told.value)
        assert "PDF_FONT" in str(told.value) and "更正" in str(told.value)
        lines = out.getvalue().split("\n")
        assert f"  U+4DB5 {RARE}　定点零售药店：名称　{shop.code}　某{RARE}药店" in lines
        assert f"  U+4DB5 {RARE}　定点零售药店：地址　{other.code}　{RARE}村" in lines

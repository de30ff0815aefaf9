"""Whatever residents and programs are told in Chinese, they can have in English."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
CHINESE = re.compile(r"[\u3400-\u9fff]")
_CALLS = {"_", "gettext", "gettext_lazy"}
_PLURALS = {"ngettext", "ngettext_lazy"}
_SIMPLE = re.compile(r"""\{% translate "([^"]*)" """)
_BLOCK = re.compile(r"\{% blocktranslate([^%]*)%\}(.*?)\{% endblocktranslate %\}", re.DOTALL)
CATALOGUES = sorted((ROOT / "applications").rglob("locale"))


def marked() -> Iterator[tuple[str, str]]:
    """(file, text) of every text that is marked for translation."""
    for path in sorted((ROOT / "applications").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in _CALLS | _PLURALS and isinstance(first, ast.Constant):
                    yield path.name, str(first.value)
    for path in sorted((ROOT / "templates" / "pharmacy_lookup").rglob("*.html")):
        source = path.read_text()
        for text in _SIMPLE.findall(source):
            yield path.name, text
        for options, body in _BLOCK.findall(source):
            text = re.sub(r"\{\{ ?(\w+) ?\}\}", r"%(\1)s", body.split("{% plural %}")[0].replace("%", "%%"))
            yield path.name, " ".join(text.split()) if "trimmed" in options else text


TEXTS = sorted({(file, text) for file, text in marked() if CHINESE.search(text)})


def test_texts_are_found() -> None:
    assert {"query.py", "search.html", "verify.py", "problems.py", "asking.py", "bearer.py"} <= {
        file for file, _ in TEXTS
    }
    assert [folder.parent.name for folder in CATALOGUES] == [
        "bank_loans", "clients", "enterprise_credit", "applications", "pharmacy_lookup"
    ]  # fmt: skip


@pytest.mark.parametrize(("file", "text"), TEXTS)
def test_every_text_is_translated(file: str, text: str) -> None:
    with translation.override("en"):
        found = {translation.gettext(text), translation.ngettext(text, text, 1)} - {text}
    # English texts may name what is Chinese by its own name; they are not Chinese.
    assert found, f"{file}: no English for {text!r}"
    names = re.compile(r"\{\w+\}|%\(\w+\)s")
    for english in found:
        assert sorted(names.findall(english)) == sorted(names.findall(text)), english


def test_templates_speak_by_catalogue_only() -> None:
    """What is not marked stays Chinese on the English pages."""
    for path in sorted((ROOT / "templates" / "pharmacy_lookup").rglob("*.html")):
        source = _BLOCK.sub("", path.read_text())
        source = re.sub(r"\{%.*?%\}|\{#.*?#\}", "", source, flags=re.DOTALL)
        allowed = {"中文"}  # the language's own name
        left = [run for run in re.findall(r"[\u3400-\u9fff]+", source) if run not in allowed]
        assert left == [], path.name


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda folder: folder.parent.name)
def test_nothing_is_translated_that_is_not_said(folder: Path) -> None:
    said = {text for _file, text in TEXTS} | {text for _file, text in marked()}
    texts = re.findall(
        r'^msgid "(.+)"$', (folder / "en" / "LC_MESSAGES" / "django.po").read_text(), re.MULTILINE
    )
    assert len(texts) > 1
    if folder.parent.name != "pharmacy_lookup":  # whose templates have texts of several lines
        assert [text for text in texts if text not in said] == []


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda folder: folder.parent.name)
def test_catalogues_are_compiled(folder: Path, tmp_path: Path) -> None:
    if not shutil.which("msgfmt"):
        missing("msgfmt (GNU gettext)")
    source = folder / "en" / "LC_MESSAGES" / "django.po"
    made = tmp_path / "django.mo"
    subprocess.run(
        ["msgfmt", "--check-format", "-o", str(made), str(source)], check=True, capture_output=True
    )
    assert made.read_bytes() == source.with_suffix(".mo").read_bytes()

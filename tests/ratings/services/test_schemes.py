"""Scheme versions: stored as drafts, activated once, found by day, never changed in force."""

from datetime import date

import pytest

from ratings.models import AuditEvent, SchemeVersion
from ratings.rules import SchemeError, scheme_hash, shipped_schemes
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.schemes import activate_scheme, find_scheme, parsed, scheme_in_force, store_scheme
from tests.ratings.services.test_runs import laid_aside_guards

pytestmark = pytest.mark.django_db
BY = Actor("赵六")
TEXT = shipped_schemes()["neimenggu-style"].read_text()


def document(version: int = 1, effective_on: str = "2024-01-01", title: str = "某规则") -> str:
    """The shipped text with another header."""
    lines = []
    for line in TEXT.splitlines():
        name = line.split("=")[0].strip()
        given = {"version": version, "effective_on": effective_on, "title": f'"{title}"'}
        lines.append(f"{name} = {given.pop(name)}" if name in given and len(lines) < 40 else line)
    return "\n".join(lines)


@pytest.mark.parametrize("key", sorted(shipped_schemes()))
def test_shipped_schemes_are_stored_as_they_are(key: str) -> None:
    path = shipped_schemes()[key]
    stored = store_scheme(path.read_text(), by=BY, file=path.name)
    assert stored.key == key
    assert stored.sha256 == scheme_hash(path.read_bytes())
    assert parsed(stored).hash == stored.sha256


def test_storing_again_changes_nothing() -> None:
    first = store_scheme(document(), by=BY)
    assert store_scheme(document(), by=BY) == first
    assert AuditEvent.objects.count() == 1


def test_a_draft_is_replaced_a_version_in_force_is_not() -> None:
    draft = store_scheme(document(), by=BY)
    replaced = store_scheme(document(title="改名"), by=BY)
    assert (replaced.pk, replaced.title) == (draft.pk, "改名")
    activate_scheme(replaced, by=BY, reason="某医保发〔2024〕1号")
    with pytest.raises(Refused, match="已启用，文本不得更改"):
        store_scheme(document(title="再改"), by=BY)
    assert store_scheme(document(title="改名"), by=BY).in_force


def test_a_bad_document_is_refused_whole() -> None:
    with pytest.raises(SchemeError):
        store_scheme(document().replace("[score]", "[scores]"), by=BY)
    assert not SchemeVersion.objects.exists()


def test_in_force_by_day_on_both_sides() -> None:
    for version, day in ((1, "2024-01-01"), (2, "2025-01-01"), (3, "2025-07-01")):
        stored = store_scheme(document(version, day), by=BY)
        if version < 3:
            activate_scheme(stored, by=BY)
    key = stored.key
    assert scheme_in_force(key, date(2024, 1, 1)).version == 1
    assert scheme_in_force(key, date(2024, 12, 31)).version == 1
    assert scheme_in_force(key, date(2025, 1, 1)).version == 2
    assert scheme_in_force(key, date(2026, 1, 1)).version == 2  # version 3 is a draft
    with pytest.raises(Refused, match="没有施行中的规则"):
        scheme_in_force(key, date(2023, 12, 31))
    assert find_scheme(f"{key}@3", date(2024, 1, 1)).version == 3
    for name in (f"{key}@9", f"{key}@x", f"{key}@"):
        with pytest.raises(Refused, match="没有规则"):
            find_scheme(name, date(2024, 1, 1))


def test_activated_once() -> None:
    scheme = activate_scheme(store_scheme(document(), by=BY), by=BY)
    assert activate_scheme(scheme, by=Actor("别人")).activated_by == "赵六"
    rival = store_scheme(document(2), by=BY)
    with pytest.raises(Refused, match="另定施行日期"):
        activate_scheme(rival, by=BY)


def test_a_text_changed_in_the_database_is_not_used() -> None:
    scheme = store_scheme(document(), by=BY)
    with laid_aside_guards():
        SchemeVersion.objects.filter(pk=scheme.pk).update(document=document(title="篡改"))
    scheme.refresh_from_db()
    with pytest.raises(Refused, match="SHA-256 不符"):
        parsed(scheme)

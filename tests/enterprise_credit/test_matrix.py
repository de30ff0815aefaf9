"""Who sees what: viewer x record type x publicity class, over page, API, PDF and workbook, by the bytes that leave.

Each record, field and rule item has a text of its own that is found nowhere else; a cell of the matrix is whether that
text is in what a viewer gets in a form.
"""

import io
import itertools
import zipfile
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pytest
from django.test import Client as Browser

from applications.enterprise_credit import documents
from applications.enterprise_credit.models import CreditSubject, Look, RuleDocument
from applications.enterprise_credit.rules.catalogue import may_see
from ratings.services.audit import Actor
from tests import desk
from tests.clients import building as clients
from tests.enterprise_credit import building
from tests.enterprise_credit.looking import Officer, now
from tests.enterprise_credit.profiling import TODAY, A, D, assessed, chain
from tests.pdf_text import text
from tests.ratings.services import lives
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db
__all__ = ["now"]

DEPARTMENTS: Final = ("aaa", "bbb", "ccc")
FORMS: Final = ("page", "api", "pdf", "export")


@dataclass(frozen=True)
class Type:
    """A record type of the test catalogue, and who may see it besides its supplier, spelled out by hand."""

    key: str
    department: str
    publicity: str
    kind: str
    viewers: tuple[str, ...]
    seen_by: frozenset[str]

    @property
    def mark(self) -> str:
        """Two letters that begin all its texts."""
        return f"Zq{TYPES.index(self):02d}"

    def texts(self) -> dict[str, str]:
        """Whose text it is: the record's own, the content, personal data, the objection, title, item and cap."""
        parts = ("number", "document", "content", "person", "objection", "title", "item", "cap")
        return {part: f"{self.mark}{part[:3]}x" for part in parts}


def _type(key: str, department: str, publicity: str, kind: str, viewers: str = "", seen: str = "") -> Type:
    return Type(
        key, department, publicity, kind, tuple(viewers.split()), frozenset({department, *seen.split()})
    )


_ALL = "aaa bbb ccc"
TYPES: Final = (
    _type("aaa-open", "aaa", "OPEN", "PENALTY", seen=_ALL),
    _type("aaa-all", "aaa", "SHARED", "HONOUR", "*", _ALL),
    _type("aaa-some", "aaa", "SHARED", "ARREARS", "bbb", "bbb"),
    _type("aaa-third", "aaa", "SHARED", "INSPECTION", "ccc", "ccc"),
    _type("aaa-own", "aaa", "INTERNAL", "OTHER", "", ""),
    _type("bbb-open", "bbb", "OPEN", "BLACK_LIST", seen=_ALL),
    _type("bbb-some", "bbb", "SHARED", "RED_LIST", "aaa ccc", "aaa ccc"),
    _type("bbb-own", "bbb", "INTERNAL", "BLACK_LIST", "", ""),
    _type("ccc-all", "ccc", "SHARED", "SCORE", "*", _ALL),
    _type("ccc-own", "ccc", "INTERNAL", "RED_LIST", "", ""),
    _type("ccc-court", "ccc", "INTERNAL", "JUDGMENT"),
)
#: Of what was never published: the period, and the score as it would be written.
UNPUBLISHED: Final = ("2026H1", "2026年上半年", "12.345", "12345")


def _catalogue() -> str:
    lines = [
        'key = "matrix"',
        "version = 9",
        'title = "测试目录"',
        "effective_on = 2026-01-01",
        'basis = "测试"',
    ]
    for key in DEPARTMENTS:
        lines += ["[[departments]]", f'key = "{key}"', f'name = "部门{key}"']
    for one in TYPES:
        viewers = ", ".join(f'"{key}"' for key in one.viewers)
        lines += [
            "[[record_types]]", f'key = "{one.key}"', f'department = "{one.department}"',
            f'title = "{one.texts()["title"]}"', f'kind = "{one.kind}"', f'publicity = "{one.publicity}"',
            f"viewers = [{viewers}]", 'clause = "测试"', "fields = [",
            '{ key = "content", label = "内容", type = "text" },',
            '{ key = "person", label = "责任人", type = "text", personal = true },', "]",
        ]  # fmt: skip
    lines += ["[[purposes]]", 'key = "award"', 'title = "评先评优"', 'clause = "测试"']
    lines += [
        "[watch]",
        "without_case_a_day = 20",
        "night_from = 22",
        "night_until = 6",
        "outside_a_day = 10",
    ]
    return "\n".join([*lines, 'clause = "测试"', ""])


def _rule() -> str:
    """A rule with an item and a cap for each type."""
    head, _, rest = (documents.SHIPPED / "enterprise-rule.toml").read_text().partition("[stores]")
    grades = "[[grades]]" + rest.partition("[[grades]]")[2].partition("[[caps]]")[0]
    head = head.replace("version = 1", "version = 9").replace("2024-01-01", "2026-01-01")
    lines = [head, "[stores]", 'method = "lowest"', "step = 0.1", 'rounding = "half_up"', 'clause = "测试"']
    for one in TYPES:
        name, texts = one.key.replace("-", "_"), one.texts()
        lines += [
            "[[items]]", f'id = "item_{name}"', f'title = "{texts["item"]}"',
            f'records = {{ types = ["{one.key}"] }}', "each = -1", "limit = -5", 'clause = "测试"',
        ]  # fmt: skip
    lines.append(grades)
    for one in TYPES:
        name, texts = one.key.replace("-", "_"), one.texts()
        lines += [
            "[[caps]]", f'id = "cap_{name}"', f'title = "{texts["cap"]}"',
            f'when = {{ records = {{ types = ["{one.key}"] }} }}', 'limit = "D"', 'clause = "测试"',
        ]  # fmt: skip
    lines += [
        "[[unrated]]",
        'id = "none"',
        'title = "没有已评药店"',
        "when = { rated_below = 1 }",
        'clause = "测试"',
    ]
    return "\n".join([*lines, ""])


@pytest.fixture
def subject() -> CreditSubject:
    """An enterprise with a record of each type, an assessment by all of them, and a grade that was not published."""
    for kind, document in (
        (RuleDocument.Kind.CATALOGUE, _catalogue()),
        (RuleDocument.Kind.ENTERPRISE_RULE, _rule()),
    ):
        documents.activate(documents.store(kind, document, by=Actor("甲")), by=Actor("乙"))
    made, shops = chain(A, D)
    desk.life(
        lives.run_of(scheme_in_force(), lives.Result(shops[0], grade=D, score=12_345), period="2026H1"),
        "FINAL",
    )
    for one in TYPES:
        texts = one.texts()
        building.record(
            made, one.key, record_no=texts["number"], document_no=texts["document"],
            data={"content": texts["content"], "person": texts["person"], "stray": "Zqstray"},
            objected_on=TODAY, objection=texts["objection"],
        )  # fmt: skip
    assessed(made, records=[1] * len(TYPES))
    return made


def got(viewer: str, form: str, uscc: str) -> str:
    """All that a department gets in a form, as text."""
    if form == "api":
        headers = clients.bearer(clients.client((), building.department(viewer)))
        answer = Browser().get(
            f"/api/v1/department/enterprises/{uscc}/", {"purpose": "award"}, headers=headers
        )
        assert answer.status_code == 200, answer.content
        return f"{answer.content.decode()}{answer.headers}"
    officer = Officer(viewer)
    page = officer.open(uscc, purpose="award")
    if form == "page":
        return page
    if form == "pdf":
        content = officer.file("pdf", uscc)
        return text(content).replace("\n", "") + content.decode("latin-1")
    with zipfile.ZipFile(io.BytesIO(officer.file("export", uscc))) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


@pytest.mark.parametrize(("viewer", "form"), list(itertools.product(DEPARTMENTS, FORMS)))
def test_each_gets_what_they_may_see_and_nothing_else(viewer: str, form: str, subject: CreditSubject) -> None:
    content = got(viewer, form, subject.uscc)
    wrong = []
    for one in TYPES:
        sees, owns = viewer in one.seen_by, viewer == one.department
        expected = dict.fromkeys(("number", "document", "content", "title", "item", "cap"), sees)
        expected |= dict.fromkeys(("person", "objection"), owns)
        for part, mark in one.texts().items():
            if (mark in content) != expected[part]:
                wrong.append((one.key, part, "missing" if expected[part] else "leaked"))
    assert wrong == []
    assert "Zqstray" not in content  # a field that the catalogue does not have
    assert [mark for mark in UNPUBLISHED if mark in content.replace(subject.uscc, "")] == []


@pytest.mark.parametrize("viewer", DEPARTMENTS)
def test_the_record_of_looks_names_what_was_shown(viewer: str, subject: CreditSubject) -> None:
    got(viewer, "page", subject.uscc)
    shown = Look.objects.get().shown
    assert set(shown["records"]) == {one.key for one in TYPES if viewer in one.seen_by}
    assert set(shown["personal"]) == {one.key for one in TYPES if viewer == one.department}


def test_the_catalogue_decides_as_the_table_says(subject: CreditSubject) -> None:
    catalogue = documents.catalogue_on(date(2026, 2, 11))
    for viewer, one in itertools.product(DEPARTMENTS, TYPES):
        found: Any = catalogue.record_type(one.key)
        assert may_see(found, viewer) == (viewer in one.seen_by), (viewer, one.key)


def test_an_internal_type_is_shown_to_nobody_else_whatever_its_viewers(subject: CreditSubject) -> None:
    catalogue = documents.catalogue_on(date(2026, 2, 11))
    found: Any = catalogue.record_type("aaa-own")
    odd = found.model_copy(update={"viewers": ("*", "bbb")})
    assert [may_see(odd, viewer) for viewer in DEPARTMENTS] == [True, False, False]


def test_what_is_not_for_a_viewer_leaves_no_trace(subject: CreditSubject) -> None:
    """Ten more records that they may not see change nothing that they get, but for what is derived from them."""
    officer = Officer("ccc")
    before = officer.open(subject.uscc, purpose="award")
    batch = building.batch("aaa-own", "aaa")
    for _ in range(10):
        building.record(subject, "aaa-own", batch=batch, data={"content": "x"})
    assert _without_tokens(officer.page(subject.uscc)) == _without_tokens(before)
    assert Look.objects.count() == 1


def _without_tokens(page: str) -> list[str]:
    return [line for line in page.splitlines() if "csrf" not in line]

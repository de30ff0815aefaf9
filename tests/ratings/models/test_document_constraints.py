"""What the database holds of issued documents and letters."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from ratings.models import District, IssuedDocument, Letter, LetterBatch, Rating
from ratings.models.documents import CODE
from tests import desk, factories
from tests.desk import CLERK, NOW
from tests.ratings.models.test_run_constraints import rating as new_rating
from tests.ratings.models.test_run_constraints import run as new_run

pytestmark = pytest.mark.django_db
KIND = IssuedDocument.Kind


@pytest.fixture
def rating() -> Rating:
    return new_rating(new_run(), factories.pharmacy())


@pytest.fixture
def batch(rating: Rating) -> LetterBatch:
    return LetterBatch.objects.create(
        period=desk.life(rating.run),
        with_links=False,
        site="https://credit.example.org",
        asked_by=CLERK,
        asked_at=NOW,
    )


def document(rating: Rating, **values: Any) -> IssuedDocument:
    given = {
        "code": "0123456789ABCDEF",
        "kind": KIND.LETTER,
        "title": "告知书",
        "pharmacy": rating.pharmacy,
        "issued_by": CLERK,
        "issued_at": NOW,
        "sha256": "a" * 64,
        "size": 1,
        "signed": False,
        "file": "documents/2026/1.pdf.sealed",
    }
    return IssuedDocument.objects.create(**{**given, **values})


def broken(told: str, make: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=told), transaction.atomic():
        make()


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("issueddocument_code", {"code": "0123456789ABCDE"}),
        ("issueddocument_code", {"code": "0123456789ABCDEO"}),
        ("issueddocument_code", {"code": "0123456789abcdef"}),
        ("issueddocument_fingerprint", {"sha256": "A" * 64}),
        ("issueddocument_fingerprint", {"size": 0}),
        ("issueddocument_fingerprint", {"file": ""}),
        ("issueddocument_of_one", {"pharmacy": None}),
        ("issueddocument_of_one", {"kind": KIND.QUARTERLY}),
        ("issueddocument_of_one", {"kind": "OTHER"}),
        ("issueddocument_certified_grade", {"kind": KIND.CERTIFICATE}),
        ("指向不存在的 ratings_publishedgrade", {"seq": 99}),
    ],
)
def test_what_no_document_can_be(rating: Rating, constraint: str, values: dict[str, Any]) -> None:
    broken(constraint, lambda: document(rating, **values))


def test_a_list_is_of_no_pharmacy_and_states_no_grade(rating: Rating) -> None:
    listed = {"kind": KIND.NOTICE_LIST, "pharmacy": None}
    document(rating, **listed)
    broken("issueddocument_of_one", lambda: document(rating, **listed, code="F" * 16, seq=1))


def test_a_code_names_one_document(rating: Rating) -> None:
    document(rating)
    broken("code", lambda: document(rating))


def test_codes_leave_out_what_is_mistaken() -> None:
    assert not set("ILOU") & set(CODE) and all(mark in CODE for mark in ("0-9", "A-H"))


def test_a_document_stays_as_it_was_issued(rating: Rating) -> None:
    row = document(rating)
    broken("不得修改", lambda: IssuedDocument.objects.filter(pk=row.pk).update(title="另一份"))
    broken("不得删除", lambda: IssuedDocument.objects.filter(pk=row.pk).delete())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        broken("不得删除", lambda: cursor.execute("TRUNCATE ratings_issueddocument CASCADE"))


def test_a_batch_ends_once_and_not_before_it_began(batch: LetterBatch) -> None:
    of = LetterBatch.objects.filter(pk=batch.pk)
    broken("letterbatch_finished_after", lambda: of.update(finished_at=NOW - timedelta(seconds=1)))
    broken("不得修改", lambda: of.update(district=District.objects.first()))
    of.update(finished_at=NOW)
    broken("已终结", lambda: of.update(finished_at=NOW + timedelta(days=1)))
    broken("不得删除", of.delete)


def test_a_letter_is_issued_once_or_has_a_fault(batch: LetterBatch, rating: Rating) -> None:
    letter = Letter.objects.create(batch=batch, rating=rating)
    broken("letter_one_a_rating", lambda: Letter.objects.create(batch=batch, rating=rating))
    of = Letter.objects.filter(pk=letter.pk)
    issued = document(rating)
    broken("letter_issued_or_fault", lambda: of.update(document=issued, fault="缺字"))
    broken(
        "不得修改", lambda: of.update(rating=new_rating(rating.run, factories.pharmacy(code="P33060212346")))
    )
    of.update(fault="缺字")
    of.update(document=issued, fault="")
    broken("已终结", lambda: of.update(document=None))
    broken("不得删除", of.delete)

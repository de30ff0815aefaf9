"""The door for whole publications: rows with proof, keys, and what came later."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from ratings import published, verifier
from ratings.models import District, Pharmacy, Publication, PublishedGrade
from ratings.published import files, proofs, statements
from ratings.services import signing
from ratings.verifier import MerkleTree, check_proof, leaf, prove
from tests import factories
from tests.pharmacy_lookup.open_data_city import AT, change, ledger_file, out, shop, statement
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import laid_aside_guards


@given(st.integers(1, 70), st.data())
def test_paths_through_blocks_are_those_of_the_whole_tree(size: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proofs, "BLOCK", 4)
        lines = [b"%d" % number for number in range(size)]
        leaves = [leaf(line) for line in lines]
        blocks = proofs.tree_blocks(lines)
    roots = [blocks[at : at + 32] for at in range(0, len(blocks), 32)]
    index = data.draw(st.integers(0, size - 1))
    block, place = divmod(index, 4)
    path = [*prove(leaves[4 * block : 4 * block + 4], place), *prove(roots, block)]
    tree = MerkleTree()
    for one in leaves:
        tree.append(one)
    assert path == prove(leaves, index)
    assert check_proof(leaves[index], index, size, path, tree.root())


@pytest.mark.django_db
class TestProof:
    def test_every_row_of_several_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proofs, "BLOCK", 2)
        out(*(Result(shop()) for _ in range(5)))
        of = statement()
        blocks = published.tree_blocks(published.ledger_lines(published.COLUMNS, 1, 5))
        assert len(blocks) == 3 * 32
        for seq in range(1, 6):
            proof = published.prove_row(of, seq, blocks)
            assert (proof.holds, proof.index, proof.size) == (True, seq - 1, 5)

    def test_a_changed_row_and_a_foreign_signature_do_not_hold(self, settings: Any) -> None:
        out(Result(shop()), Result(shop()))
        of = statement()
        blocks = published.tree_blocks(published.ledger_lines(published.COLUMNS, 1, 2))
        with laid_aside_guards():
            PublishedGrade.objects.filter(seq=2).update(grade="B", grade_label="良好", position=1)
        assert not published.prove_row(of, 2, blocks).holds
        assert not published.prove_row(of, 3, blocks).holds
        settings.SIGNING_KEY = signing.new_seed()
        assert not published.prove_row(of, 1, blocks).holds
        settings.TRUSTED_KEYS = [of.public_key]
        assert not published.prove_row(of, 1, blocks).holds  # its sibling was changed
        assert published.is_signed(of.statement, of.public_key, of.signature)


@pytest.mark.django_db
class TestFiles:
    def test_lines_of_parts_are_the_file(self) -> None:
        out(Result(shop()), Result(shop()))
        of = statement()
        table = ["\t".join(published.COLUMNS).encode(), *published.ledger_lines(published.COLUMNS, 1, 2)]
        lines = published.publication_lines(
            of.statement, of.public_key, of.signature, published.fingerprints(1), table
        )
        assert b"".join(line + b"\n" for line in lines) == ledger_file()
        assert published.verify_lines(iter(ledger_file().split(b"\n")[:-1])).holds

    def test_unknown_columns_and_numbers(self) -> None:
        with pytest.raises(KeyError):
            list(published.ledger_lines(["seq", "pharmacy_id"], 1, 2))
        with pytest.raises(Publication.DoesNotExist):
            published.write_publication(1, io.BytesIO())
        assert files.COLUMNS == published.COLUMNS


@pytest.mark.parametrize("key", ["", "zz", "00", "00" * 32])
def test_what_is_no_key_of_ours_signed_nothing(key: str) -> None:
    assert not published.is_signed("{}", key, "00" * 64)
    assert not published.is_signed("{}", published.public_key().hex(), key)


def test_keys_as_programs_read_them(settings: Any) -> None:
    old = published.public_key()
    settings.TRUSTED_KEYS, settings.SIGNING_KEY = [old.hex()], signing.new_seed()
    text = "".join(map(published.pem, published.trusted_keys()))
    assert verifier.read_keys(text) == [published.public_key(), old]


@pytest.mark.django_db
class TestStatements:
    def test_by_number_row_and_fingerprint(self) -> None:
        one = shop()
        change(out(Result(one), Result(shop())), one)
        first, second = published.publications()
        assert [published.publication(number) for number in (0, 1, 2, 3, 10**20)] == [
            None, first, second, None, None,
        ]  # fmt: skip
        found = [published.publication_with_row(seq) for seq in (0, 1, 2, 3, 4)]
        assert found == [None, first, first, second, None]
        assert published.publications_signed(second.sha256[:12]) == [second]
        assert published.publications_signed("") == [first, second]
        assert published.publications_signed("x") == []
        assert (first.is_list, second.is_list, first.told["number"]) == (True, False, 1)

    def test_lists_newest_first_with_their_district(self) -> None:
        factories.district(330603, "柯桥区")
        here, there = shop(), shop(district_id=330603)
        out(Result(here), district=here.district_id)
        out(Result(there), district=330603)
        change(out(Result(here), period="2024H2", district=here.district_id), here)
        lists = published.period_lists()
        assert [(of.number, of.district) for of in lists] == [
            (3, here.district_id),
            (2, 330603),
            (1, here.district_id),
        ]
        assert lists[1].district_name == District.objects.get(code=330603).name
        assert [of.number for of in published.period_lists(before=3, limit=1)] == [2]

    def test_the_newer_list_of_the_same_place(self) -> None:
        factories.district(330603, "柯桥区")
        here, there = shop(), shop(district_id=330603)
        early = [
            out(Result(this), period="2024H2", district=this.district_id, at=AT - timedelta(days=9))
            for this in (here, there)
        ]
        assert len(early) == 2
        out(Result(here), period="2025H1", district=here.district_id)
        newer = [published.newer_list(statement(number)) for number in (1, 2, 3)]
        assert [of and of.number for of in newer] == [3, None, None]
        out(Result(here), Result(there), period="2025H2")
        newer = [published.newer_list(statement(number)) for number in (1, 2, 3, 4)]
        assert [of and of.number for of in newer] == [4, 4, 4, None]

    def test_later_changes_are_of_the_same_period_and_pharmacies(self) -> None:
        one, two = shop(), shop()
        early = out(Result(one), Result(two), period="2025H1")
        life = out(Result(one), Result(two))
        change(life, one, 3, "INTERIM")
        change(early, two, 2, days=6)
        change(life, one, 1, days=7)
        change(life, two, 1, days=8)
        assert [row.seq for row in published.later_changes(2)] == [8, 7, 5]
        assert [row.seq for row in published.later_changes(2, before=8, limit=1)] == [7]
        assert [row.seq for row in published.later_changes(1)] == [6]
        assert [row.seq for row in published.later_changes(3)] == [7]
        assert published.count_changes([1, 2, 3, 6]) == {
            1: {"CORRECTION": 1}, 2: {"CORRECTION": 2, "INTERIM": 1}, 3: {"CORRECTION": 1}, 6: {},
        }  # fmt: skip

    def test_constant_number_of_queries(self) -> None:
        life = out(*(Result(shop()) for _ in range(3)))
        for wanted in Pharmacy.objects.all():
            change(life, wanted)
            with CaptureQueriesContext(connection) as queries:
                statements.count_changes([1])
                published.later_changes(1)
                published.publications()
            assert len(queries) == 3

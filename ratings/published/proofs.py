"""That one row of the ledger is part of a signed publication: its path through the Merkle tree.

The roots of all blocks of BLOCK rows are reckoned once for a publication and kept by whoever asks; with
them, a proof reads one block of the ledger, however long the list is. By RFC 6962 a full block is a
subtree of its own, and the roots of blocks hang together as leaves do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ratings.published.files import ledger_lines
from ratings.published.keys import is_signed
from ratings.published.statements import Statement
from ratings.verifier import MerkleTree, check_proof, leaf, prove

#: Rows of a block; a power of two.
BLOCK: Final = 1024
_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class RowProof:
    """One row as it stands in the ledger, and its place in the tree of its publication."""

    #: position from 0 among ``size`` rows
    index: int
    size: int
    #: the hash of the row, and those that lead from it to the signed root, from below
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes
    #: a trusted key signed the statement, and the row leads to its root
    holds: bool


def tree_blocks(lines: Iterable[bytes]) -> bytes:
    """The roots of all blocks of canonical rows, one after another."""
    roots, tree = bytearray(), MerkleTree()
    for line in lines:
        tree.append(leaf(line))
        if tree.size == BLOCK:
            roots += tree.root()
            tree = MerkleTree()
    return bytes(roots + tree.root()) if tree.size else bytes(roots)


def prove_row(of: Statement, seq: int, blocks: bytes) -> RowProof:
    """The proof of row ``seq`` of a publication, by the roots of its blocks (:func:`tree_blocks`).

    The row is read from the ledger as it stands now; one that was changed does not hold.
    """
    told = of.told
    first, size = told["first_seq"], told["rows"]
    index = seq - first
    block, place = divmod(index, BLOCK)
    begins = first + block * BLOCK
    lines = ledger_lines(told["columns"], begins, min(begins + BLOCK - 1, told["last_seq"]))
    leaves = [leaf(line) for line in lines]
    roots = [blocks[at : at + _SIZE] for at in range(0, len(blocks), _SIZE)]
    root = bytes.fromhex(told["merkle_root"])
    if place >= len(leaves) or block >= len(roots):
        return RowProof(index, size, b"", (), root, holds=False)
    path = (*prove(leaves, place), *prove(roots, block))
    proven = check_proof(leaves[place], index, size, path, root)
    signed = is_signed(of.statement, of.public_key, of.signature)
    return RowProof(index, size, leaves[place], path, root, holds=proven and signed)

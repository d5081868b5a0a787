"""The fingerprint of the private data: a Merkle tree over its files, hashed as RFC 6962 and RFC 9162 (2.1) say.

A leaf is the line that ``sha256sum`` prints for a file, its path below ``private/``; leaves stand in the order of
their paths. So a version of the data is known by its root, and its holder can show that one file is the same as in a
receipt, without showing it or any other file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.protocol.errors import ProtocolError


class Inclusion(BaseModel):
    """That the file ``path``, of the SHA-256 ``sha256`` (hex), is leaf ``index`` of ``size`` (RFC 9162, 2.1.3).

    ``path_hashes`` are the hashes (hex) beside the way from the leaf to the root, from below.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    sha256: str
    index: int
    size: int
    path_hashes: list[str]

    def root(self) -> str:
        """The root (hex) of the tree that the file is in. Raises :class:`ProtocolError` for a proof of none."""
        try:
            siblings = [bytes.fromhex(one) for one in self.path_hashes]
            return _climb(leaf_hash(_line(self.path, self.sha256)), self.index, self.size, siblings).hex()
        except ValueError:
            raise ProtocolError("This proves nothing: it is no path in a Merkle tree.") from None


def tree_root(digests: Mapping[str, str]) -> str:
    """The root (hex) over files, given as their SHA-256 (hex) by path."""
    return merkle_root(_leaves(digests)).hex()


def prove_file(digests: Mapping[str, str], path: str) -> Inclusion:
    """What shows that ``path`` is among ``digests``. Raises :class:`ProtocolError` when it is not."""
    paths = sorted(digests)
    if path not in digests:
        raise ProtocolError(f"{path!r} is no file of the private data.", hint=f"One of: {', '.join(paths)}.")
    index = paths.index(path)
    hashes = [one.hex() for one in inclusion_path(_leaves(digests), index)]
    return Inclusion(path=path, sha256=digests[path], index=index, size=len(paths), path_hashes=hashes)


def parse_inclusion(content: bytes) -> Inclusion:
    """What was written by ``pkit holder fingerprint --prove``. Raises :class:`ProtocolError`."""
    try:
        return Inclusion.model_validate_json(content)
    except ValidationError:
        hint = "Give a file written by: pkit holder fingerprint --challenge FOLDER --prove PATH --json"
        raise ProtocolError("This is no proof of a file.", hint=hint) from None


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle Tree Hash of ``leaves`` (RFC 9162, 2.1.1): SHA-256, 0x00 before a leaf, 0x01 before two nodes."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else hashlib.sha256().digest()
    left = _left(len(leaves))
    return _node(merkle_root(leaves[:left]), merkle_root(leaves[left:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from leaf ``index`` to the root (RFC 9162, 2.1.3.1)."""
    if len(leaves) < 2:
        return []
    left = _left(len(leaves))
    if index < left:
        return [*inclusion_path(leaves[:left], index), merkle_root(leaves[left:])]
    return [*inclusion_path(leaves[left:], index - left), merkle_root(leaves[:left])]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _climb(node: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.3.2. Raises ``ValueError`` for a path of another length."""
    if not 0 <= index < size:
        raise ValueError
    last = size - 1
    for sibling in siblings:
        if not last or len(sibling) != 32:
            raise ValueError
        if index % 2 or index == last:
            node = _node(sibling, node)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            node = _node(node, sibling)
        index, last = index // 2, last // 2
    if last:
        raise ValueError
    return node


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _left(size: int) -> int:
    """The largest power of two below ``size``."""
    return int(1 << (size - 1).bit_length() - 1)


def _leaves(digests: Mapping[str, str]) -> list[bytes]:
    return [_line(path, digests[path]) for path in sorted(digests)]


def _line(path: str, sha256: str) -> bytes:
    return f"{sha256}  {path}\n".encode()

"""A canary: words that stand in the real data alone, and a search for them, whole, in parts, and in disguise."""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import re
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

LENGTH = 40
WINDOW, STRIDE = 10, 5
"""A part of a word that is WINDOW + STRIDE - 1 characters long, or longer, betrays it."""
DEPTH = 4
"""Layers of base64, hex, compression and archives that are taken off."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :]?){10,}")
_ESCAPED = re.compile(rb"\\u00([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")


def new_word() -> str:
    """A random word of capital letters and digits, as base32 has them (200 bits)."""
    return base64.b32encode(secrets.token_bytes(LENGTH * 5 // 8)).decode()


@dataclass(frozen=True)
class Canary:
    """Named secrets. ``find`` tells which of them stand in some bytes, and how."""

    words: dict[str, str]
    needles: dict[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        needles = {needle: f"{name} ({how})" for name, word in self.words.items() for needle, how in _disguises(word)}
        object.__setattr__(self, "needles", needles)

    def find(self, data: bytes) -> set[str]:
        """What stands in ``data``, which is looked at as it is, backwards, and unpacked."""
        found = set()
        for layer in _layers(data, DEPTH):
            lower = layer.lower()
            found |= {name for needle, name in self.needles.items() if needle in lower}
        return found


def _disguises(word: str) -> Iterator[tuple[bytes, str]]:
    """Every needle, in lower case: parts of the word, and the whole word encoded."""
    plain = word.encode()
    shapes = {"plain": word, "backwards": word[::-1], "rot13": codecs.encode(word, "rot13")}
    window = WINDOW
    if not set(word) - set("01"):  # labels
        shapes, window = {"plain": word, "packed": _packed(word)}, 5 * WINDOW
    for how, shape in shapes.items():
        size = min(window, len(shape))
        for start in range(0, len(shape) - size + 1, min(STRIDE, size)):
            yield shape[start : start + size].lower().encode("latin-1"), how
    for how, encoded in {
        "number": str(int.from_bytes(plain)),
        "number, little-endian": str(int.from_bytes(plain, "little")),
        "bits": "".join(f"{byte:08b}" for byte in plain),
        "code points": ",".join(map(str, plain)),
        "code points and spaces": ", ".join(map(str, plain)),
        "base85": base64.b85encode(plain).decode(),
        "percent": "".join(f"%{byte:02x}" for byte in plain),
        "letters and spaces": " ".join(word),
        "inverted": bytes(255 - byte for byte in plain).decode("latin-1"),
    }.items():
        size = 24 if len(encoded) > 24 else len(encoded)
        for start in range(0, len(encoded) - size + 1, max(1, size // 2)):
            yield encoded[start : start + size].lower().encode("latin-1"), how
    for kind in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield word[:WINDOW].lower().encode(kind), kind
        yield word[-WINDOW:].lower().encode(kind), kind


def _packed(bits: str) -> str:
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8)).decode("latin-1")


def _layers(data: bytes, depth: int) -> Iterator[bytes]:
    yield data
    if depth == 0:
        return
    for inner in _unpacked(data):
        if inner != data:
            yield from _layers(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        text = match[0].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):  # a run of letters may begin before the text does
            part = text[start:]
            try:
                decoded = base64.b64decode(part + b"=" * (-len(part) % 4))
            except (ValueError, binascii.Error):
                continue
            if sum(32 <= byte < 127 for byte in decoded) > 0.8 * len(decoded) or decoded[:2] in _MAGIC:
                yield decoded
    for match in _HEX.finditer(data):
        digits = re.sub(rb"[ :]", b"", match[0])
        for start in (0, 1):
            part = digits[start:]
            decoded = bytes.fromhex(part[: len(part) // 2 * 2].decode())
            if sum(32 <= byte < 127 for byte in decoded) > 0.8 * len(decoded):
                yield decoded
    if _ESCAPED.search(data):
        yield _ESCAPED.sub(lambda match: bytes.fromhex((match[1] or match[2]).decode()), data)
    if b"%" in data and (plain := unquote_to_bytes(data)) != data:
        yield plain
    for match in _ZLIB.finditer(data):
        try:
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data[match.start() :], 1 << 22)
        except zlib.error:
            continue
    if b"PK\x03\x04" in data:
        try:
            with zipfile.ZipFile(io.BytesIO(data[data.index(b"PK\x03\x04") :])) as archive:
                for entry in archive.infolist():
                    yield entry.filename.encode()
                    yield archive.read(entry)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError, ValueError):
            return


_MAGIC = (b"PK", b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda")

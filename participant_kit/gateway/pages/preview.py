"""The picture that other sites show beside a link to a challenge: 1200 by 630 pixels, drawn from the card."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from textwrap import wrap

from participant_kit.challenge.card import Card
from participant_kit.challenge.folder import PICTURES

SIZE = (1200, 630)
_PAPER, _INK, _SOFT, _ACCENT = "#fbfaf7", "#1e1d1a", "#5f5c55", "#1d6f93"


def draw_preview(card: Card) -> bytes:
    """A PNG with title, summary, and what is measured."""
    from PIL import Image, ImageDraw, ImageFont  # which a gateway needs when a kit is published, and then alone

    fonts = _fonts()

    def font(name: str, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(io.BytesIO((fonts / name).read_bytes()), size)

    image = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 24, SIZE[1]), fill=_ACCENT)
    title, text, small = font("DejaVuSerif.ttf", 60), font("DejaVuSans.ttf", 32), font("DejaVuSans.ttf", 26)
    top = 70
    for line in _lines(card.title, 30, 4):
        draw.text((90, top), line, _INK, title)
        top += 78
    top += 22
    for line in _lines(card.summary, 56, 3 if top < 320 else 2):
        draw.text((90, top), line, _SOFT, text)
        top += 46
    better = "higher" if card.primary.higher_is_better else "lower"
    draw.text((90, 540), f"{card.primary.name}, {better} is better · notebooks run blind", _ACCENT, small)
    buffer = io.BytesIO()
    image.quantize(32, Image.Quantize.FASTOCTREE).save(buffer, "PNG")
    return buffer.getvalue()


def _fonts() -> Path:
    """The folder of those that come with matplotlib, which is not imported for them."""
    found = find_spec("matplotlib")
    assert found and found.submodule_search_locations  # noqa: S101 - it is installed with this package
    return Path(found.submodule_search_locations[0], "mpl-data", "fonts", "ttf")


def is_picture(name: str, data: bytes) -> bool:
    """Whether ``data`` is the picture that ``name`` says."""
    from PIL import Image, UnidentifiedImageError

    kind = PICTURES[PurePosixPath(name).suffix.lower()].removeprefix("image/").upper()
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return image.format == kind
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _lines(text: str, width: int, most: int) -> list[str]:
    lines = wrap(" ".join("".join(letter if letter.isprintable() else " " for letter in text).split()), width)
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][: width - 1] + "…"]

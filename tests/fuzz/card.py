"""A challenge card or codebook: YAML that an organizer wrote, and that came in a kit."""

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.document import Model, parse_document
from participant_kit.challenge.finding import FindingsError


def run(data: bytes) -> None:
    """Read or refused with findings; and a card is the same after the gateway has kept it as JSON."""
    _read(data, Codebook)
    if card := _read(data, Card):
        assert Card.model_validate(card.model_dump(mode="json")) == card
        assert Card.model_validate_json(card.model_dump_json()) == card


def _read(data: bytes, model: type[Model]) -> Model | None:
    try:
        return parse_document(data, model, "challenge.yaml")
    except FindingsError as error:
        assert error.findings
        return None

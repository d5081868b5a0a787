"""A challenge card or codebook: YAML that an organizer wrote, and that came in a kit."""

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.document import Model, parse_document
from participant_kit.challenge.finding import FindingsError


def run(data: bytes) -> None:
    """Read or refused with findings; and a card is the same after the gateway has kept it as JSON."""
    model: type[Model] = Codebook if b"columns:\n" in data else Card
    try:
        document = parse_document(data, model, "challenge.yaml")
    except FindingsError as error:
        assert error.findings
        return
    if model is Card:
        assert Card.model_validate(document.model_dump(mode="json")) == document
        assert Card.model_validate_json(document.model_dump_json()) == document

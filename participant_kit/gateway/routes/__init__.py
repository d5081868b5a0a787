"""The HTTP API, one module per kind of thing; :mod:`participant_kit.protocol.messages` has the table."""

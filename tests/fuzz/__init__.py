"""Parsers of what comes from other machines, given any bytes: each module here is one parser and what may happen.

``run(data)`` returns, or raises: what the parser documents is caught in there, so all that gets out is a fault.
"""

TARGETS = ("card", "envelope", "kit", "notebook", "predictions")
SLOW = 1.0
"""Seconds after which a run is a fault."""

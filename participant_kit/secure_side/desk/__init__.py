"""The holder's desk: a page of the runner's own machine, on loopback alone, that shows what waits and what has left."""

from participant_kit.secure_side.desk.app import create_desk

__all__ = ["create_desk"]

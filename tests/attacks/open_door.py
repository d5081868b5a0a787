"""``pkit`` with one wall taken down, to see that the search finds what comes through."""

from __future__ import annotations

import sys
from typing import Any


class Everything:
    """Holds whatever one asks for."""

    def __contains__(self, item: object) -> bool:
        return True


def keep_log() -> None:
    """The runner keeps what a notebook prints, in its own log."""
    from participant_kit.secure_side import workplace

    run = workplace.run_notebook

    def run_and_tell(*words: Any, **options: Any) -> Any:
        done = run(*words, **options | {"keep_log": True})
        print(done.log)
        return done

    workplace.run_notebook = run_and_tell


def any_reason() -> None:
    """The gate lets out any word as the reason of a failure."""
    from participant_kit.secure_side import gate

    gate.REASONS = Everything()  # type: ignore[assignment]


def network() -> None:
    """The sandbox shares the network, and nobody looks."""
    from participant_kit.execution.sandbox import bubblewrap
    from participant_kit.secure_side import workplace

    options = bubblewrap._options

    def shared(*words: Any) -> list[str]:
        return [*options(*words)[:1], "--share-net", *options(*words)[1:]]

    bubblewrap._options = shared
    workplace.self_test = lambda *words: None


if __name__ == "__main__":
    {"log": keep_log, "reason": any_reason, "network": network}[sys.argv.pop(1)]()
    from participant_kit.cli.main import main

    main()

"""A card may require walls that not every machine has; then a runner without them does not start."""

from __future__ import annotations

import pytest

from participant_kit.execution.sandbox import get_sandbox
from participant_kit.execution.sandbox.probes import HELD, NOT_AVAILABLE, Probe
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.workplace import self_test

pytestmark = pytest.mark.sandbox


@pytest.fixture
def no_own_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a kernel without time namespaces."""
    monkeypatch.setattr("participant_kit.execution.sandbox.process.own_clocks", list)


@pytest.mark.usefixtures("no_own_clocks")
def test_a_runner_starts_without_a_wall_that_nobody_requires_and_says_what_is_missing() -> None:
    probes: list[Probe] = []
    self_test(get_sandbox(), probes.append)
    missing = {probe.wall: probe for probe in probes if probe.outcome != HELD}
    assert missing["clocks"].outcome == NOT_AVAILABLE
    assert missing["clocks"].detail.startswith("not available on this kernel: a time namespace")


@pytest.mark.usefixtures("no_own_clocks")
def test_a_runner_does_not_start_without_a_wall_that_the_card_requires() -> None:
    with pytest.raises(SecureSideError, match=r"requires walls that .* does not have here: clocks \(not available"):
        self_test(get_sandbox(), lambda probe: None, ["landlock", "clocks"])

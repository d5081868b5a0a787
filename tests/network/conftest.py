"""One network and one house in it for all tests: the participant is where the tests stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from far_house import FarHouse, make_certificate
from filelock import FileLock
from network import PARTICIPANT, Network, standing_on
from support import own_home

from participant_kit.execution.environment import Environment


@pytest.fixture(scope="session")
def network(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Made after the environment: from inside it could not be fetched."""
    with FileLock("/run/lock/pkit-network", timeout=600):  # two runs at a time would sweep each other
        made = Network()
        try:
            with standing_on(PARTICIPANT):
                yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def house(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarHouse]:
    root = tmp_path_factory.mktemp("house")
    make_certificate(root / "tls.pem")
    with own_home(tmp_path_factory.mktemp("home")), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(root / "tls.pem"))
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        built = FarHouse(root, network)
        try:
            built.open()
            yield built
        finally:
            built.close()


@pytest.fixture(autouse=True)
def good_links(network: Network) -> Iterator[None]:
    """Each test begins with links that are good."""
    yield
    for link in network.links.values():
        link.be()

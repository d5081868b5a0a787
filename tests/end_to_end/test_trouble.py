"""A gateway that is down, slow, full or somebody else's page: said clearly, sat out, and nothing lost."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from house import SLUG, SOLUTION, House, wait_until

from participant_kit.gateway.blobs import RESERVE
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State

Answer = Callable[[BaseHTTPRequestHandler], None]


def test_a_runner_sits_out_whatever_stands_between_it_and_the_gateway(
    blind_house: House, serve: Callable[[Answer], str]
) -> None:
    house, weather = blind_house, {"now": "fair"}

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        status, content, kind = 200, b"<html><h1>Hotel Wi-Fi</h1></html>", "text/html"
        if weather["now"] == "gone":
            request.close_connection = True
            return
        if weather["now"] in ("fair", "slow"):
            time.sleep(0.7 if weather["now"] == "slow" else 0)
            headers = {key: value for key, value in request.headers.items() if key.lower() not in ("host",)}
            came = requests.request(
                request.command, house.address + request.path, data=body, headers=headers, timeout=60
            )
            status, content, kind = came.status_code, came.content, came.headers.get("Content-Type", "")
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    house.stop("blind")
    house.start_runner(Role.BLIND, gateway=serve(answer))
    for weather["now"] in ("html", "gone", "slow", "fair"):
        before = house.log_of("blind").count("Asking again")
        submission = house.submit(SOLUTION)
        if weather["now"] in ("slow", "fair"):
            assert submission.wait(60).state is State.SCORED
            continue
        wait_until(lambda before=before: house.log_of("blind").count("Asking again") > before)  # type: ignore[misc]
        assert house.parts["blind"].poll() is None
        assert submission.cancel().state is State.CANCELLED
    assert "Hotel" not in house.log_of("blind")
    house.stop("blind")
    house.start_runner(Role.BLIND)


def test_a_gateway_whose_disk_is_full_says_so_and_loses_nothing(blind_house: House) -> None:
    """Its folder becomes a disk of its own that notebooks fill as far as they may."""
    house = blind_house
    for name in ("blind", "gateway"):
        house.stop(name)
    data, copy = house.root / "gateway", house.root / "gateway-copy"
    shutil.copytree(data, copy)
    size = sum(path.stat().st_size for path in data.rglob("*")) + RESERVE + (3 << 20)
    disk = ("bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(data))
    house.start_gateway(inside=(*disk, "sh", "-c", f'cp -r {copy}/. {data} && exec "$@"', "sh"))
    used, taken = house.client().quota(SLUG).used_total, []
    for kilobytes in (1000, 200):
        with pytest.raises(GatewayError, match="disk is full") as refused:
            while True:
                taken.append(house.submit(SOLUTION, f"# {secrets.token_hex(kilobytes * 500)}"))
        assert "no quota was used" in refused.value.hint
    assert len(taken) > 2
    assert house.client().quota(SLUG).used_total == used + len(taken)
    house.start_runner(Role.BLIND)
    assert {submission.wait(90).state for submission in taken} == {State.SCORED}
    assert house.submit(SOLUTION).wait(60).state is State.SCORED

"""A gateway that is down, slow, full or somebody else's page: said clearly, sat out, and nothing lost."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from house import SLUG, SOLUTION, House, processes, wait_until

from participant_kit.gateway.blobs import RESERVE
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side.egress import read_egress
from participant_kit.secure_side.ledger import RESULT

Answer = Callable[[BaseHTTPRequestHandler], None]
DISK = 4 << 20
"""Bytes of the disk on which a runner keeps its state, for the time of a test."""


@pytest.mark.long
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
        if weather["now"] in ("fair", "slow", "half"):
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
        request.wfile.write(content[: len(content) // 2] if weather["now"] == "half" else content)
        request.close_connection = weather["now"] == "half"

    house.stop("blind")
    house.start_runner(Role.BLIND, gateway=serve(answer))
    for weather["now"] in ("html", "gone", "half", "slow", "fair"):
        before = house.log_of("blind").count("Asking again")
        submission = house.submit(SOLUTION)
        if weather["now"] in ("slow", "fair"):
            assert submission.wait(60).state is State.SCORED
            continue
        wait_until(lambda before=before: house.log_of("blind").count("Asking again") > before)  # type: ignore[misc]
        assert house.parts["blind"].poll() is None
        if weather["now"] == "half":  # it was lent to a runner that never knew, and is lent again
            weather["now"] = "fair"
            assert submission.wait(60).state is State.SCORED
            continue
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


def test_a_runner_whose_disk_is_full_releases_nothing_until_there_is_room(blind_house: House) -> None:
    """Its folder becomes a disk of its own, which something else fills."""
    house = blind_house
    house.stop("blind")
    state, copy = house.root / "blind-state", house.root / "blind-state-copy"
    state.rename(copy)
    state.mkdir()
    disk = ("bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--size", str(DISK), "--tmpfs", str(state))
    house.start_runner(Role.BLIND, inside=(*disk, "sh", "-c", f'cp -rp {copy}/. {state} && exec "$@"', "sh"))
    started = house.parts["blind"].pid
    folders = [Path(f"/proc/{pid}/root{state}") for pid in (started, *processes("runner start", started))]
    full = next(folder for folder in folders if (folder / "egress.jsonl").exists())
    with pytest.raises(OSError, match="No space left"), (full / "filler").open("wb", buffering=0) as filler:
        for _ in range(2 * DISK // 4096):
            filler.write(bytes(4096))
    submission = house.submit(SOLUTION)
    wait_until(lambda: "egress log cannot be written" in house.log_of("blind"))
    assert not submission.refresh().state.is_final
    (full / "filler").unlink()
    assert submission.wait(60).state is State.SCORED
    lines = [line for line in read_egress(full / "egress.jsonl") if line.submission == submission.id]
    assert [line.kind for line in lines].count(RESULT) == 1

"""What the participant is told when something is wrong on the way to the gateway."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from small_gateway import send

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.connection import SILENCE, Connection
from participant_kit.protocol.errors import UNREACHABLE, GatewayError
from participant_kit.protocol.messages import Account, Problem

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]
TOKEN = "a-token-that-nobody-may-see"


def ask(address: str, **options: float) -> GatewayError:
    settings = {"timeout": 0.3, "retries": 0, "backoff": 0.0} | options
    with pytest.raises(GatewayError) as raised:
        Connection(address, TOKEN, **settings).get("/me", Account)
    assert raised.value.hint
    assert TOKEN not in str(raised.value)
    return raised.value


def test_a_gateway_that_is_down_cannot_be_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = ask(f"http://127.0.0.1:{port}")
    assert "cannot be reached" in error.message
    assert error.may_pass


def test_a_gateway_that_is_slow_is_not_waited_for_without_end(serve: Serve) -> None:
    error = ask(serve(lambda handler: time.sleep(1)))
    assert "no full answer within 0.3 seconds" in error.message
    assert error.code == UNREACHABLE


def test_an_answer_that_comes_in_drops_is_slow_too(serve: Serve) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(20):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    assert "no full answer" in ask(serve(drip)).message


def test_an_answer_that_breaks_off_is_no_answer(serve: Serve) -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"name": "ada"')
        handler.close_connection = True

    assert "broke off" in ask(serve(break_off)).message


def test_a_web_page_is_no_gateway(serve: Serve) -> None:
    error = ask(serve(lambda handler: send(handler, b"<html>Sign in</html>", kind="text/html; charset=utf-8")))
    assert "text/html" in error.message
    assert "sign-in page" in error.hint


def test_a_web_page_with_an_error_is_no_gateway_either(serve: Serve) -> None:
    assert "text/html" in ask(serve(lambda handler: send(handler, b"<html>", 404, kind="text/html"))).message


@pytest.mark.parametrize("body", [b"{not json", b'{"name": 3}', b'{"name": "ada", "role": "king"}', b""])
def test_json_that_is_no_message_points_to_the_versions(serve: Serve, body: bytes) -> None:
    assert "upgrade" in ask(serve(lambda handler: send(handler, body))).hint


def test_an_answer_without_end_is_cut_off(serve: Serve) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"[" * (33 << 20))

    assert "more than it should" in ask(serve(flood), timeout=10).message


def test_a_proxy_before_a_gateway_that_is_down_means_down(serve: Serve) -> None:
    error = ask(serve(lambda handler: send(handler, b"<html>", 502, kind="text/html")))
    assert "is down (HTTP 502)" in error.message
    assert error.may_pass


def test_what_speaks_no_tls_fails_with_a_word_on_certificates(serve: Serve) -> None:
    address = serve(lambda handler: None).replace("http://", "https://")
    assert ask(address).code == "tls"


def test_a_redirect_is_not_followed_with_a_token(serve: Serve) -> None:
    seen = []
    other = serve(lambda handler: seen.append(handler.path))
    error = ask(serve(lambda handler: send(handler, b"", 302, Location=f"{other}/elsewhere")))
    assert error.code == "redirect"
    assert not seen


def test_a_problem_is_told_in_the_gateways_words_without_what_steers_a_terminal(serve: Serve) -> None:
    problem = Problem(code="phase_closed", message="The phase \x1b[2Jis over.", hint="Wait for the next.")
    error = ask(serve(lambda handler: send(handler, problem, 409)))
    assert (error.code, error.status, error.hint) == ("phase_closed", 409, "Wait for the next.")
    assert "\x1b" not in error.message
    assert error.is_refusal


def test_plain_http_is_for_this_machine_alone() -> None:
    with pytest.raises(KitError, match=r"https://gateway\.example\.org"):
        Connection("http://gateway.example.org")


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ümlaut"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(KitError, match="no token") as raised:
        Connection("https://gateway.example.org", token)
    assert not token or token not in str(raised.value)


def test_a_request_that_may_arrive_twice_is_tried_again(serve: Serve) -> None:
    seen: list[str] = []

    def flaky(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        seen.append(handler.command)
        if len(seen) < 3:
            send(handler, b"", 503)
        else:
            send(handler, Account(name="ada", role="participant"))

    connection = Connection(serve(flaky), TOKEN, backoff=0.01)
    assert connection.put("/challenges/x/submissions/y", b"sealed", Account).name == "ada"
    assert seen == ["PUT", "PUT", "PUT"]


def test_a_request_that_may_not_is_sent_once(serve: Serve) -> None:
    seen: list[str] = []

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.command)
        send(handler, b"", 503)

    with pytest.raises(KitError):
        Connection(serve(refuse), TOKEN, backoff=0.01).post("/submissions/x/cancel", Account)
    assert seen == ["POST"]


def test_the_token_travels_in_a_header_and_in_no_address(serve: Serve) -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Authorization"]))
        send(handler, Account(name="ada", role="participant"))

    Connection(serve(answer), TOKEN).get("/me", Account, phase="x")
    assert seen == [("/api/v1/me?phase=x", f"Bearer {TOKEN}")]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="an option of Linux")
def test_a_connection_that_died_in_silence_is_given_up_by_the_kernel(serve: Serve) -> None:
    connection = Connection(serve(lambda handler: send(handler, Account(name="ada", role="participant"))), TOKEN)
    connection.get("/me", Account)
    pools = connection._session.get_adapter(connection.gateway).poolmanager.pools  # type: ignore[attr-defined]
    kept = pools[next(iter(pools.keys()))].pool.get().sock
    assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < SILENCE
    assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE * 1000
    assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

"""News by mail and webhook: to a real mail server and a real web server, signed, again until it arrives, and logged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from browser_world import Browser, both
from databases import fresh_database
from fastapi.testclient import TestClient
from gateway_world import API, World, make_kit
from support import CARD

from participant_kit.gateway import courier as couriers
from participant_kit.gateway.app import create_app
from participant_kit.gateway.courier import Courier, sign
from participant_kit.gateway.database import Database
from participant_kit.gateway.mail import is_mail_address
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.webhook import WebhookError, check_webhook, post_webhook


class Mailbox:
    """A mail server that keeps what comes."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


class Hook:
    """A web server that keeps what comes, and answers with the next of ``answers``, else with 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.paths.append(self.path)
                hook.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook?team=1"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()


@pytest.fixture
def settings(data: Path, database: str | None, mailbox: Mailbox) -> Settings:
    smtp = f"smtp://127.0.0.1:{mailbox.port}"
    address = "http://testserver"
    return Settings(
        data, database, 1.0, address=address, smtp=smtp, mail_from="news@example.org", private_webhooks=True
    )


@pytest.fixture
def world(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(couriers, "LOOK_EVERY", 3600)  # the tests say when
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        world = World(client, settings.data, settings.database)
        world.publish(make_kit(tmp_path / "kit"))
        yield world


@pytest.fixture
def courier(settings: Settings, world: World) -> Iterator[Courier]:
    database = Database(settings)
    yield Courier(settings, database)
    database.close()


def add(browser: Browser, kind: str, address: str) -> str:
    """Add a channel; the secret of a webhook."""
    browser.go("/account/news")
    browser.send("/account/news", 201, kind=kind, address=address, result="yes", phase="yes", announcement="yes")
    return "whsec_" + browser.answer.text.split("whsec_")[1].split("<")[0] if kind == "webhook" else ""


def end_one(world: World, who: str = "ada", auc: float = 0.8) -> str:
    identifier: str = world.submit(who).json()["id"]
    claim = world.claim()
    assert claim and world.finish(claim, auc).status_code == 204
    return identifier


def fetch_kit(world: World, who: str) -> None:
    assert world.client.get(f"{API}/challenges/small/kit", headers=world.auth(who)).status_code == 200


def words(mail: Message) -> str:
    return bytes(mail.get_payload(decode=True)).decode()


def due_now(world: World) -> None:
    world.query("UPDATE outbox SET next_at = 1 WHERE next_at IS NOT NULL")


@both
def test_a_result_goes_to_a_webhook_signed(world: World, courier: Courier, hook: Hook) -> None:
    secret = add(Browser(world).log_in("ada"), "webhook", hook.address)
    identifier = end_one(world)
    end_one(world, "bob")
    assert courier.send_due() == 1
    [(headers, body)] = hook.got
    said = json.loads(body)
    assert said["type"] == "result" and said["data"]["scores"]["roc_auc_score"] == 0.8
    assert said["data"]["link"] == f"http://testserver/submissions/{identifier}"
    # as https://www.standardwebhooks.com says, written anew
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}"
    key = base64.b64decode(secret.split("_", 1)[1])
    digest = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    body, secret = b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@both
def test_mail_comes_once_its_address_is_confirmed(world: World, courier: Courier, mailbox: Mailbox) -> None:
    ada = Browser(world).log_in("ada")
    add(ada, "mail", "ada@example.org")
    end_one(world)
    assert courier.send_due() == 1
    [mail] = mailbox.mails
    text = words(mail)
    assert mail["To"] == "ada@example.org" and "ada wants news" in text
    link = text[text.index("/account/news/") :].split()[0]
    stranger = Browser(world)
    stranger.go(link)  # programs that open links confirm nothing
    end_one(world)
    assert courier.send_due() == 0
    stranger.send("", 200)
    stranger.post(link[:-3] + "xxx", {}, 404)
    identifier = end_one(world, auc=0.9)
    assert courier.send_due() == 1
    mail = mailbox.mails[-1]
    assert mail["Subject"] == "small: scored" and identifier in words(mail)
    assert "roc_auc_score 0.9" in words(mail) and mail["Message-ID"].endswith("@example.org>")


def test_a_person_hears_of_what_they_chose(world: World, courier: Courier, hook: Hook) -> None:
    ada = Browser(world).log_in("ada")
    add(ada, "webhook", hook.address)
    form = ada.form("/change").values
    ada.post("/account/news/change", {"form": form["form"], "channel": form["channel"], "announcement": "yes"})
    organizer = Browser(world).log_in("org", "organizer", "/desk/announcements")
    organizer.send("/announcements", title="A new\nbaseline", text="See 03.", challenge="")
    end_one(world)
    assert courier.send_due() == 1 and json.loads(hook.got[0][1])["type"] == "announcement"
    ada.post("/account/news/change", {"form": form["form"], "channel": form["channel"], "act": "test"})
    assert courier.send_due() == 1 and json.loads(hook.got[1][1])["type"] == "test"
    ada.go("/account/news")
    assert "announcement: A new" in ada.text and "answered 204" in ada.text
    ada.send("/change", button="remove")
    organizer.send("/announcements", title="Another", text="See 04.", challenge="")
    assert courier.send_due() == 0
    Browser(world).log_in("bob").post("/account/news/change", form | {"act": "test"}, 403)
    bob = Browser(world).log_in("bob", path="/account/news")
    bob.post("/account/news/change", form | {"form": bob.form("/account/news").values["form"], "act": "test"}, 404)


@both
def test_what_is_announced_of_a_challenge_goes_to_those_who_take_part_in_it(
    world: World, courier: Courier, hook: Hook
) -> None:
    organizer = Browser(world).log_in("org", "organizer", "/desk/people/teams")
    organizer.send("/people/teams", team="foxes")
    for who in ("kit", "sent", "fox", "wolf", "other"):
        add(Browser(world).log_in(who), "webhook", f"{hook.address}&who={who}")
        if who in ("fox", "wolf"):
            organizer.go("/desk/people/teams")
            organizer.send("/people/join", person=who, into="foxes")
    fetch_kit(world, "kit")
    fetch_kit(world, "kit")
    assert world.client.get(f"{API}/challenges/small/kit").status_code == 200  # nobody's, as anybody may
    world.submit("sent")
    world.submit("fox")
    due_now(world)
    courier.send_due()
    hook.got.clear()
    hook.paths.clear()
    for challenge, told in (("small", {"kit", "sent", "fox", "wolf"}), ("", {"kit", "sent", "fox", "wolf", "other"})):
        organizer.go("/desk/announcements")
        organizer.send("/announcements", title="News", text="See 03.", challenge=challenge)
        due_now(world)
        courier.send_due()
        assert {path.partition("who=")[2] for path in hook.paths} == told and len(hook.got) == len(told)
        assert json.loads(hook.got[0][1])["data"]["challenge"] == (challenge or None)
        hook.got.clear()
        hook.paths.clear()


def test_what_was_not_delivered_is_sent_again_with_the_same_identifier(
    world: World, courier: Courier, hook: Hook
) -> None:
    ada = Browser(world).log_in("ada")
    add(ada, "webhook", hook.address)
    end_one(world)
    hook.answers = [500, 302, 404]
    for _ in range(4):
        due_now(world)
        assert courier.send_due() == 1
    due_now(world)
    assert courier.send_due() == 0
    assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1 and len(hook.got) == 4
    ada.go("/account/news")
    assert "sent 4 answered 204" in ada.text


def test_what_never_arrives_is_given_up_and_said(world: World, courier: Courier) -> None:
    ada = Browser(world).log_in("ada")
    add(ada, "webhook", "http://127.0.0.1:1/")
    end_one(world)
    for _ in range(len(couriers.AGAIN) + 1):
        due_now(world)
        assert courier.send_due() == 1
    assert world.query("SELECT next_at FROM outbox") == [(None,)]
    ada.go("/account/news")
    assert "given up" in ada.text and "NewConnectionError" in ada.text


@both
def test_of_several_couriers_one_sends(world: World, courier: Courier, hook: Hook, settings: Settings) -> None:
    add(Browser(world).log_in("ada"), "webhook", hook.address)
    for number in range(6):
        end_one(world, auc=0.5 + number / 100)
    database = Database(settings)
    others = [courier, *(Courier(settings, database) for _ in range(3))]
    threads = [threading.Thread(target=each.send_due) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert len(hook.got) == 6 == len({headers["webhook-id"] for headers, _ in hook.got})


SEND = """
import sys
from pathlib import Path
from participant_kit.gateway.courier import Courier
from participant_kit.gateway.database import Database
from participant_kit.gateway.settings import Settings
settings = Settings(Path(sys.argv[1]), private_webhooks=True)
Courier(settings, Database(settings)).send_due()
"""


def test_what_a_killed_courier_was_sending_is_sent_by_the_next(world: World, courier: Courier, hook: Hook) -> None:
    if world.database:
        pytest.skip("the process is one on SQLite")
    add(Browser(world).log_in("ada"), "webhook", hook.address)
    end_one(world)
    hook.server.shutdown()  # it is reached, and does not answer
    process = subprocess.Popen([sys.executable, "-c", SEND, str(world.data)])
    deadline = time.monotonic() + 30
    while world.query("SELECT attempts FROM outbox") != [(1,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    threading.Thread(target=hook.server.serve_forever, daemon=True).start()
    assert courier.send_due() == 0  # it is lent for a while
    due_now(world)
    assert courier.send_due() == 1
    assert world.query("SELECT attempts, sent_at IS NOT NULL FROM outbox") == [(2, True)]


def test_nothing_is_told_of_what_was_rolled_back(world: World, courier: Courier, hook: Hook) -> None:
    add(Browser(world).log_in("ada"), "webhook", hook.address)
    world.submit("ada")
    claim = world.claim()
    assert claim and world.finish(claim, bits=1e6).status_code == 422
    assert courier.send_due() == 0
    assert world.finish(claim).status_code == 204 and world.finish(claim).status_code == 204  # sent twice, told once
    assert courier.send_due() == 1


def test_a_phase_that_begins_or_ends_is_told_once(world: World, courier: Courier, hook: Hook, tmp_path: Path) -> None:
    add(Browser(world).log_in("ada"), "webhook", hook.address)
    fetch_kit(world, "ada")
    courier.look_at_phases()
    assert courier.send_due() == 0  # it began long before
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2)).encode()
    world.publish(make_kit(tmp_path / "soon", CARD.replace(b"ends: 2036-01-01", b"ends: " + soon)))
    courier.look_at_phases()
    assert courier.send_due() == 0
    time.sleep(2.5)
    for _ in range(2):
        courier.look_at_phases()
    assert courier.send_due() == 1
    assert json.loads(hook.got[0][1])["data"]["what"] == "ends"


@pytest.mark.attack("ssrf")
def test_webhooks_go_to_no_machine_of_the_operators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ("127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::1]")
    odd = ("[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fd00::1]", "2130706433", "0x7f.1", "127.1")
    own = ("[64:ff9b:1::7f00:1]", "[fec0::1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[fe80::1]", "[ff02::1]")
    for host in (*hosts, *odd, *own):
        with pytest.raises(WebhookError, match=r"private network|not known"):
            post_webhook(f"https://{host}/", b"", {}, private=False)
    for url in (
        "http://example.org/",
        "ftp://example.org",
        "https://",
        "https://a:b@example.org/",
        "x",
        "https://ö.de",
    ):
        assert check_webhook(url, private=False), url
        with pytest.raises(WebhookError):
            post_webhook(url, b"", {}, private=False)


@pytest.mark.attack("mail header injection")
def test_addresses_that_are_none_are_said_at_their_field(world: World) -> None:
    ada = Browser(world).log_in("ada")
    wrong = ("", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\nBcc: eve@example.org", "a@b@c")
    for address in wrong:
        ada.go("/account/news")
        ada.send("/account/news", 422, kind="mail", address=address)
        assert ada.faults and not is_mail_address(address)
    ada.send("/account/news", 422, kind="webhook", address="ftp://x")
    assert "begins with https://" in ada.faults[0] and ada.form("/account/news").values["address"] == "ftp://x"
    for number in range(5):
        add(ada, "webhook", f"http://127.0.0.1/{number}")
    ada.send("/account/news", 422, kind="webhook", address="http://127.0.0.1/5")
    assert "at most 5" in ada.faults[0]


def test_without_a_mail_server_nobody_is_offered_mail(data: Path, tmp_path: Path) -> None:
    with fresh_database("sqlite") as url, TestClient(create_app(Settings(data, url))) as client:
        ada = Browser(World(client, data, url)).log_in("ada", path="/account/news")
        assert "mail" not in ada.form("/account/news").values["kind"]
        ada.send("/account/news", 422, kind="mail", address="ada@example.org")
        assert ada.faults

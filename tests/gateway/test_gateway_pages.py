"""A challenge's pages: what they show, what they refuse, and what no text in them can do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from databases import CHOSEN, fresh_database
from fastapi.testclient import TestClient
from gateway_world import API, World, make_kit
from pages_world import ABOUT, CODEBOOK, FULL, make_full_kit, picture, score
from PIL import Image

from participant_kit.gateway.app import create_app
from participant_kit.gateway.challenges import withdraw
from participant_kit.gateway.database import Database
from participant_kit.gateway.pages.asset import assets
from participant_kit.gateway.pages.markdown import render_page
from participant_kit.gateway.settings import Settings

HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of dist/htmx.min.js in the package htmx.org 2.0.11."""
HOME = "/challenges/small"
TABS = ("", "/data", "/rules", "/kit", "/leaderboard", "/receipts", "/pages/about.md", "/pages/terms.md")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NOT_YET = FULL.replace(b"starts: 2026-01-01, ends: 2036-01-01", b"starts: 2035-01-01, ends: 2036-01-01")
ENDED = FULL.replace(b"starts: 2026-01-01, ends: 2036-01-01", b"starts: 2020-01-01, ends: 2021-01-01")


@pytest.fixture
def database() -> Iterator[str | None]:
    with fresh_database(CHOSEN) as url:
        yield url


@pytest.fixture
def world(empty: World, tmp_path: Path) -> World:
    empty.publish(make_full_kit(tmp_path / "kit"))
    return empty


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A challenge in which ada has a score, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("scored")
    with fresh_database(CHOSEN) as url, TestClient(create_app(Settings(folder / "gateway", url))) as client:
        world = World(client, folder / "gateway", url)
        world.publish(make_full_kit(folder / "kit"))
        score(world, "ada", 0.8)
        yield world


def page(world: World, path: str = HOME, status: int = 200, **headers: str) -> str:
    answer = world.client.get(path, headers=BROWSER | headers, follow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer.text


def test_every_tab_has_what_it_is_for(scored: World) -> None:
    assert "A small challenge" in page(scored, "/")
    assert "pkit join http://testserver/challenges/small" in page(scored)
    assert "At most 64 bytes about the data can ever reach one participant per phase." in page(scored, f"{HOME}/rules")
    digest = scored.client.get(f"{API}{HOME}").json()["kit_sha256"]
    kit = page(scored, f"{HOME}/kit")
    assert kit.count(digest) == 2 and "sample_data/train.parquet" in kit
    assert hashlib.sha256(scored.client.get(f"{API}{HOME}/kit").content).hexdigest() == digest


def test_the_data_page_draws_each_column_of_the_sample(scored: World) -> None:
    text = page(scored, f"{HOME}/data")
    assert "7 columns" in text and text.count("<svg") == 5  # neither the identifier nor a text
    assert 'aria-label="sex: female 60%; male 20%; other 20%"' not in text and 'aria-label="sex: female' in text
    assert "10% of the sample" in text and "0 to 120 years" in text and "to be predicted" in text


def test_what_a_kit_shows_is_made_when_it_is_published_and_no_more(
    scored: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.gateway.pages.shown.show_columns", None)
    assert "7 columns" in page(scored, f"{HOME}/data")


def test_a_kit_of_before_is_looked_at_when_its_page_is_asked_for(world: World) -> None:
    world.query("DELETE FROM shown")
    assert world.client.get(f"{HOME}/preview.png").headers["content-type"] == "image/png"
    assert "7 columns" in page(world, f"{HOME}/data")


def test_a_kit_without_codebook_sample_or_pages_has_every_tab(empty: World, tmp_path: Path) -> None:
    empty.publish(make_kit(tmp_path / "bare"))
    for tab in TABS[:6]:
        page(empty, HOME + tab)


@pytest.mark.attack("xss")
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cover_png", b"<svg onload=alert(1)>", "no picture"),
        ("virus_exe", b"MZ", "no page"),
        ("a_svg", b"<svg/>", "no page"),
        ("x_png", picture("JPEG"), "no picture"),
    ],
)
def test_what_is_neither_page_nor_picture_is_refused_when_it_is_published(
    empty: World, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    kit = make_full_kit(tmp_path / "kit", **{name: content})
    answer = empty.client.put(f"{API}{HOME}", content=kit, headers=empty.auth("org", "organizer"))
    assert (answer.status_code, said in answer.json()["message"]) == (422, True), answer.text


def test_a_page_that_the_card_names_must_be_there(empty: World, tmp_path: Path) -> None:
    kit = make_full_kit(tmp_path / "kit", FULL.replace(b"about.md", b"other.md"))
    answer = empty.client.put(f"{API}{HOME}", content=kit, headers=empty.auth("org", "organizer"))
    assert (answer.status_code, answer.json()["code"]) == (422, "page_missing")


def test_the_organizers_page_is_rendered_and_its_picture_is_served(scored: World) -> None:
    text = page(scored, f"{HOME}/pages/about.md")
    assert "<strong>when</strong>" in text and "<td>100</td>" in text and 'src="cover.png"' in text
    cover = scored.client.get(f"{HOME}/pages/cover.png")
    assert (cover.headers["content-type"], cover.content) == ("image/png", picture())


@pytest.mark.parametrize(("card", "said"), [(NOT_YET, "not open yet"), (ENDED, "ended")])
def test_a_challenge_that_is_not_open_says_so(empty: World, tmp_path: Path, card: bytes, said: str) -> None:
    empty.publish(make_full_kit(tmp_path / "kit", card))
    for tab in TABS:
        assert f">{said}<" in page(empty, HOME + tab)
    assert "Nobody is on the leaderboard" in page(empty, f"{HOME}/leaderboard")


def test_one_that_was_withdrawn_says_why_and_takes_nothing_until_it_is_published_again(
    world: World, tmp_path: Path
) -> None:
    opened = Database(world.settings)
    with opened.write() as connection:
        withdraw(connection, "small", "The agreement <b>ended</b>.")
    opened.close()
    for tab in TABS[:6]:
        assert "The agreement &lt;b&gt;ended&lt;/b&gt;." in page(world, HOME + tab, 410)
    assert HOME not in page(world, "/") and "was withdrawn" in page(world, f"{HOME}/feed.xml")
    assert world.client.get(f"{HOME}/leaderboard.json").status_code == 410
    refused = world.submit()
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawn")
    world.publish(make_full_kit(tmp_path / "again"))
    assert HOME in page(world, "/") and world.submit().status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/challenges/none",
        f"{HOME}/none",
        f"{HOME}/pages/none.md",
        f"{HOME}/pages/columns.json",
        "/static/none",
        f"{HOME}/receipts/0198c5e0-7a51-7cc3-98c4-dc0c0c07398f",
    ],
)
def test_what_is_not_there_is_said_in_a_page_and_to_programs_in_json(scored: World, path: str) -> None:
    assert "<!doctype html>" in page(scored, path, 404) and "All challenges" in page(scored, path, 404)
    assert scored.client.get(path).json()["message"]


PATHS = [
    "/static/../asset.py",
    "/static/..%2fasset.py",
    "/static/%2e%2e/asset.py",
    f"{HOME}/pages/../../../../etc/passwd",
    f"{HOME}/pages/..%2f..%2fkit",
    f"{HOME}/pages/%2e%2e%2fkeys.json",
    f"{HOME}/pages/..%5c..%5ckeys.json",
    f"{HOME}/pages/about.md%00.png",
    f"{HOME}/pages/",
    "//evil.example/",
    "/%2f%2fevil.example",
    "/\\evil.example",
    "/https:evil.example",
    "/.git/config",
    "/challenges/%2e%2e",
    "/challenges/..%2fsmall",
]


@pytest.mark.attack("path")
@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_or_to_another_site(scored: World, path: str) -> None:
    answer = scored.client.get("http://testserver" + path, headers=BROWSER, follow_redirects=False)
    assert answer.status_code in (307, 308, 404), answer.text
    assert answer.headers.get("location", "/").startswith(("/challenges", "http://testserver/", "/"))
    assert not answer.headers.get("location", "/").startswith(("//", "/\\"))
    assert "root:" not in answer.text


@pytest.mark.attack("open redirect")
def test_the_short_address_leads_a_browser_to_the_challenge_and_nowhere_else(scored: World) -> None:
    short = scored.client.get("/small", headers=BROWSER, follow_redirects=False)
    assert (short.status_code, short.headers["location"]) == (307, HOME)
    for path in ("/other", "/evil.example", "/small.evil.example", "//small", "/small/", "/x/small"):
        answer = scored.client.get(f"http://testserver{path}", headers=BROWSER, follow_redirects=False)
        assert answer.status_code == 404
    assert scored.client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.attack("host header")
@pytest.mark.parametrize("host", ["evil.example/x", "a b", '"><script>', "evil.example:port", "ev_il", ""])
def test_what_is_no_host_is_refused_and_stands_on_no_page(scored: World, host: str) -> None:
    text = page(scored, HOME, 400, Host=host)
    assert not host or host not in text


@pytest.mark.attack("host header")
def test_a_gateway_that_knows_its_address_believes_no_header(data: Path, database: str | None, tmp_path: Path) -> None:
    settings = Settings(data, database, address="https://pkit.example.org/sub")
    with TestClient(create_app(settings)) as client:
        known = World(client, data, database)
        known.publish(make_full_kit(tmp_path / "kit"))
        for path in (HOME, f"{HOME}/kit", f"{HOME}/leaderboard", "/feed.xml", f"{HOME}/feed.xml"):
            text = page(known, path, Host="evil.example", **{"X-Forwarded-Host": "evil.example"})
            assert "evil.example" not in text and "https://pkit.example.org/sub" in text
        assert f'href="/sub{HOME}/data"' in page(known)


@pytest.mark.attack("cache poisoning")
def test_what_one_host_was_told_is_not_told_to_another(scored: World) -> None:
    assert "http://evil.example" in page(scored, Host="evil.example")
    assert "evil.example" not in page(scored)


@pytest.mark.attack("xss")
def test_every_page_forbids_code_and_style_in_itself(scored: World) -> None:
    for path in ("/", *(HOME + tab for tab in TABS), f"{HOME}/leaderboard/embed", "/nowhere"):
        answer = scored.client.get(path, headers=BROWSER)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "base-uri 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?! src)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text), path


def test_nothing_comes_from_another_server(scored: World) -> None:
    for tab in TABS:
        for address in re.findall(r'(?:src|href)="([^"]*)"', page(scored, HOME + tab)):
            assert address.startswith(("/", "#", "http://testserver/", "cover.png", "terms.md")), address


def test_pages_are_packed_and_are_not_sent_twice(scored: World) -> None:
    first = scored.client.get(HOME, headers={"Accept-Encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip" and "A small challenge" in first.text
    assert "content-encoding" not in scored.client.get(HOME, headers={"Accept-Encoding": "identity"}).headers
    again = scored.client.get(HOME, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_htmx_is_what_its_authors_publish_and_styles_are_kept_for_a_year(scored: World) -> None:
    assert assets()["htmx.min.js"].digest == HTMX_SHA256
    found = re.search(r'href="(/static/style.css\?\w+)"', page(scored))
    assert found and "immutable" in scored.client.get(found[1]).headers["cache-control"]


def test_feeds_are_atom_and_tell_who_leads(scored: World) -> None:
    space = "{http://www.w3.org/2005/Atom}"
    for path, told in (("/feed.xml", False), (f"{HOME}/feed.xml", True)):
        answer = scored.client.get(path)
        assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
        root = ElementTree.fromstring(answer.content)
        assert root.tag == f"{space}feed" and root.find(f"{space}updated") is not None
        titles = [title.text or "" for title in root.iter(f"{space}title")]
        assert any("ada leads development with roc_auc_score 0.800" in title for title in titles) == told
        identifiers = [each.text for each in root.iter(f"{space}id")]
        assert len(set(identifiers)) == len(identifiers)


def test_the_preview_is_a_picture_of_the_size_that_others_expect(scored: World) -> None:
    image = Image.open(BytesIO(scored.client.get(f"{HOME}/preview.png").content))
    assert image.size == (1200, 630) and len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    assert 'property="og:image" content="http://testserver/challenges/small/preview.png"' in page(scored)


XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<iframe srcdoc='<script>1</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;",
    "<img src=1 href=1 onerror='javascript:alert(1)'>",
    "<body onload=alert(1)>",
    "]]></title><script>1</script>",
    "\u202e<b>",
]


class Elements(HTMLParser):
    """Names of elements and attributes that a page has."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.addresses += [value or "" for name, value in attributes if name in ("href", "src", "action")]


def elements(world: World) -> set[str]:
    """All elements of all pages, but those of what the organizer wrote."""
    found: set[str] = set()
    for tab in ("/", *(HOME + tab for tab in TABS[:6]), f"{HOME}/pages/terms.md"):
        seen = Elements(page(world, tab))
        found |= seen.tags
        assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
        assert not [address for address in seen.addresses if address.strip().lower().startswith(("javascript", "data"))]
    return found


def hostile_kit(folder: Path, quoted: bytes) -> bytes:
    """A kit with ``quoted`` in the place of each text."""
    card = FULL.replace(b"title: A small challenge", b"title: " + quoted).replace(b"title: About", b"title: " + quoted)
    card = re.sub(rb"summary: .*", lambda match: b"summary: " + quoted, card)
    book = re.sub(rb"description: [^,}]*", lambda match: b"description: " + quoted, CODEBOOK)
    return make_full_kit(folder, card, book.replace(b"unit: years", b"unit: " + quoted))


@pytest.mark.attack("xss")
def test_no_text_of_a_card_or_codebook_is_more_than_text(world: World, tmp_path: Path) -> None:
    clean = elements(world)
    for number, text in enumerate(XSS):
        world.publish(hostile_kit(tmp_path / str(number), json.dumps(text, ensure_ascii=False).encode()))
        assert elements(world) == clean, text
        ElementTree.fromstring(world.client.get(f"{HOME}/feed.xml").content)


@pytest.mark.attack("xss")
@pytest.mark.parametrize("text", XSS)
def test_no_name_that_is_typed_is_more_than_text(scored: World, text: str) -> None:
    clean = Elements(page(scored, f"{HOME}/leaderboard?name=zoe"))
    answer = scored.client.get(f"{HOME}/leaderboard", params={"name": text[:64]}, headers=BROWSER)
    assert Elements(answer.text).tags == clean.tags and Elements(answer.text).attributes == clean.attributes
    pasted = scored.client.post(f"{HOME}/receipts", data={"receipt": text}, headers=BROWSER)
    assert pasted.status_code == 422 and "script" not in Elements(pasted.text.split("<body>")[1]).tags


MARKDOWN = [
    *XSS,
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>1</script>)",
    "![x](https://evil.example/pixel.png)",
    "![x](//evil.example/pixel.png)",
    "<style>*{display:none}</style>",
    "<form action=https://evil.example><input></form>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content=0>",
    "<div style='position:fixed'>x</div>",
    "<math><mi//xlink:href='data:x,<script>1</script>'>",
    "<a href='vbscript:x'>x</a>",
    "<a href=' &#14; javascript:x'>x</a>",
    "<svg><script>1</script></svg>",
    "<noscript><p title='</noscript><img src=x onerror=1>'>",
    "<object data=x>",
    "<embed src=x>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<img src='x' srcset='https://evil.example/p 1x'>",
    "<p id=content class=hidden>x</p>",
]


@pytest.mark.attack("xss")
@pytest.mark.parametrize("text", MARKDOWN)
@pytest.mark.parametrize("name", ["a.md", "a.html"])
def test_nothing_an_organizer_writes_runs_looks_elsewhere_or_covers_the_page(name: str, text: str) -> None:
    seen = Elements(render_page(name, text.encode()))
    assert not seen.tags & {
        "script",
        "style",
        "iframe",
        "form",
        "input",
        "svg",
        "object",
        "embed",
        "base",
        "meta",
        "body",
    }
    assert not [each for each in seen.attributes if each.startswith("on") or each in ("style", "id", "class", "srcset")]
    for address in seen.addresses:
        assert not re.match(r"\s*(javascript|vbscript|data)", address, re.IGNORECASE) and "evil" not in address


def test_a_receipt_is_verified_in_the_page(scored: World) -> None:
    identifier = scored.client.get(f"{API}/submissions", headers=scored.auth("ada")).json()[0]["id"]
    receipt = scored.client.get(f"{API}/submissions/{identifier}/receipt", headers=scored.auth("ada")).text
    good = scored.client.post(f"{HOME}/receipts", data={"receipt": receipt}, headers=BROWSER)
    assert good.status_code == 200 and "Verified." in good.text and "the result that this gateway stores" in good.text
    for wrong in (receipt.replace('"sig":"', '"sig":"00'), "{}", "", "[" * 5000, receipt[:-9]):
        bad = scored.client.post(f"{HOME}/receipts", data={"receipt": wrong}, headers=BROWSER)
        assert bad.status_code == 422 and "Not verified." in bad.text and "Verified.</strong>" not in bad.text
    assert scored.client.post(f"{HOME}/receipts", content=b"x" * (1 << 20), headers=BROWSER).status_code == 413


@pytest.mark.attack("another's address")
def test_who_types_the_address_of_anothers_receipt_finds_nothing(scored: World) -> None:
    identifier = scored.client.get(f"{API}/submissions", headers=scored.auth("ada")).json()[0]["id"]
    mine = scored.client.get(f"{HOME}/receipts/{identifier}", headers=BROWSER | scored.auth("ada"))
    assert mine.status_code == 200 and "Verified." in mine.text
    assert identifier in page(scored, f"{HOME}/receipts", **scored.auth("ada"))
    assert identifier not in page(scored, f"{HOME}/receipts", **scored.auth("bob"))
    for headers in (scored.auth("bob"), {}, {"Authorization": "Bearer wrong"}):
        page(scored, f"{HOME}/receipts/{identifier}", 404, **headers)


def test_pages_are_no_part_of_the_interface_for_programs(scored: World) -> None:
    paths = scored.client.get("/openapi.json").json()["paths"]
    assert paths and all(path.startswith(API) for path in paths)


def test_the_about_page_of_the_tests_is_what_it_says() -> None:
    assert "<h1>About the data</h1>" in render_page("about.md", ABOUT)

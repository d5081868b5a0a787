"""People at the gateway's pages: a browser without scripts, which fills in the forms that it finds."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from databases import DATABASES
from fastapi.testclient import TestClient
from gateway_world import World

ADDRESS = "http://testserver"
both = pytest.mark.parametrize("database", DATABASES, indirect=True)
"""A test on each database."""


@dataclass
class Form:
    """A form of a page: where it goes, what it holds, and the buttons that send something of their own."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = self._area = ""

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in pairs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        if not self.forms:
            return
        form, name = self.forms[-1], values.get("name", "")
        if tag == "input" and name:
            if values.get("type") in ("checkbox", "radio") and "checked" not in values:
                return
            form.values[name] = values.get("value", "")
        elif tag == "button" and name:
            form.buttons.append((name, values.get("value", "")))
        elif tag == "select":
            self._select = name
            form.values[name] = ""
        elif tag == "option" and self._select and "selected" in values:
            self._select += "!"
        elif tag == "textarea":
            self._area = name
            form.values[name] = ""

    def handle_data(self, data: str) -> None:
        if self._select.endswith("!"):
            self._select = self._select[:-1]
            self.forms[-1].values[self._select] = data
        elif self._area:
            self.forms[-1].values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.forms[-1].values[self._area] = self.forms[-1].values[self._area].removeprefix("\n")
            self._area = ""


class Browser:
    """One person's. It keeps cookies, follows redirections, and says where its forms come from."""

    def __init__(self, world: World, address: str = ADDRESS, host: str = "testclient", **headers: str) -> None:
        self.world, self.address = world, address
        self.client = TestClient(
            world.client.app, base_url=address, raise_server_exceptions=False, client=(host, 50000)
        )
        self.client.headers.update({"Accept": "text/html", **headers})
        self.path = "/"
        self.answer: httpx.Response = httpx.Response(200)

    def go(self, path: str, status: int = 200) -> str:
        """Look at a page; its text."""
        return self._keep(self.client.get(path, follow_redirects=True), status)

    def send(self, action: str, status: int = 200, button: str = "", files: Any = None, **typed: str) -> str:
        """Fill in the form of this page whose action ends in ``action``, and send it; the text of what comes."""
        form = self.form(action)
        values = form.values | typed
        for name, value in form.buttons:
            if value == button:
                values[name] = value
        return self.post(urljoin(self.path, form.action) if form.action else self.path, values, status, files=files)

    def form(self, action: str) -> Form:
        parser = _Forms()
        parser.feed(self.answer.text)
        return next(form for form in parser.forms if form.action.endswith(action) and form.method == "post")

    def post(self, path: str, values: dict[str, str], status: int = 200, files: Any = None, **headers: str) -> str:
        headers.setdefault("Origin", self.address)
        answer = self.client.post(path, data=values, files=files, headers=headers, follow_redirects=True)
        return self._keep(answer, status)

    def _keep(self, answer: httpx.Response, status: int) -> str:
        assert answer.status_code == status, (answer.status_code, answer.url, self._said(answer.text))
        self.answer, self.path = answer, answer.url.path
        return answer.text

    @staticmethod
    def _said(text: str) -> str:
        return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", text).split()))

    @property
    def text(self) -> str:
        """The words of the page."""
        return self._said(self.answer.text)

    @property
    def faults(self) -> list[str]:
        """What the fields of the page say is wrong."""
        return [self._said(found) for found in re.findall(r'<p class="fault".*?</p>', self.answer.text, re.DOTALL)]

    def log_in(self, who: str, role: str = "participant", path: str = "/account") -> Browser:
        self.world.auth(who, role)  # type: ignore[arg-type]
        self.go(f"/login?next={path}")
        self.send("/login", token=self.world.tokens[who])
        assert self.path == path
        return self

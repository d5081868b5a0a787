"""The page's web application: one login with a code, then cookies that no other site can use."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from participant_kit.challenge.alphabet import HELD_BACK
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.sandbox.probes import Probe, probe_sandbox
from participant_kit.secure_side.egress import LOG, EgressLine, read_egress
from participant_kit.secure_side.keys import key_ring
from participant_kit.secure_side.ledger import RESULT, Ledger
from participant_kit.secure_side.review import REVIEW, decide, undecided
from participant_kit.secure_side.stop import STOP, is_stopped, running, stop
from participant_kit.secure_side.workplace import make_sandbox

COOKIE = "desk"
ATTEMPTS = 5
"""Wrong codes, after which the desk has to be opened anew."""
SHOWN = 50
"""Messages of those that have left, the newest ones."""
MAX_FORM = 4096
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_pages = Environment(
    loader=PackageLoader("participant_kit.secure_side.desk"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters["bits"] = "{:,.2f}".format
Page = Callable[[Request], Awaitable[Response]]


class Desk:
    """Who may look, and at what. ``code`` opens it once; ``state`` is the runner's folder.

    ``challenge`` is the folder whose keys are shown, ``sandbox`` the kind that can be tested.
    """

    def __init__(self, state: Path, code: str, challenge: Path | None, sandbox: str) -> None:
        self._state, self._code, self._left = state, code, ATTEMPTS
        self._challenge, self._sandbox, self._probes = challenge, sandbox, list[Probe]()
        self._session, self._form = "", secrets.token_urlsafe(32)

    async def enter(self, request: Request) -> Response:
        """The code for a session. It works once, and only a few may be tried."""
        given = (await _form(request)).get("code", "")
        self._left -= 1
        if self._left < 0 or not self._code or not hmac.compare_digest(given.strip().encode(), self._code.encode()):
            said = (
                "This is not the code."
                if self._left > 0
                else "Too many codes. Stop `pkit holder open`, and begin anew."
            )
            return _page("enter.html.j2", 403, problem=said)
        self._code, self._session = "", secrets.token_urlsafe(32)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")
        return answer

    async def look(self, request: Request) -> Response:
        """What runs, what waits, what has left, the ledger, the keys; 304 when it is as it was."""
        if not self._knows(request):
            return _page("enter.html.j2", 401, problem="")
        version = self._version()
        if request.headers.get("if-none-match") == version:
            return Response(status_code=304, headers=HEADERS)
        answer = await run_in_threadpool(self._show)
        answer.headers["ETag"] = version
        return answer

    async def decide(self, request: Request) -> Response:
        """Approve or refuse one message."""
        form = await self._read_form(request)
        if form is None:
            return _foreign()
        try:
            refused = form.get("reason") if form.get("answer") == "refuse" else None
            if form.get("answer") not in ("approve", "refuse"):
                return self._show("Neither approved nor refused. Nothing was decided.", 400)
            decide(self._state, form.get("submission", ""), refused)
        except KitError as error:
            return self._show(error.message, 409)
        return RedirectResponse("/", 303)

    async def stop(self, request: Request) -> Response:
        """End one run."""
        form = await self._read_form(request)
        if form is None:
            return _foreign()
        try:
            stop(self._state, self._ledger()[0], form.get("submission", ""))
        except KitError as error:
            return self._show(error.message, 409)
        return RedirectResponse("/", 303)

    async def test(self, request: Request) -> Response:
        """Try to get out of the sandbox, as a runner does before it starts."""
        if await self._read_form(request) is None:
            return _foreign()
        try:
            self._probes = await run_in_threadpool(self._try)
        except KitError as error:
            return self._show(error.message, 500)
        return RedirectResponse("/#sandbox", 303)

    def _try(self) -> list[Probe]:
        sandbox = make_sandbox(self._sandbox)
        try:
            return list(probe_sandbox(sandbox))
        finally:
            sandbox.close()

    async def _read_form(self, request: Request) -> dict[str, str] | None:
        """What was sent; None when it is of no form of this session."""
        form = await _form(request)
        ours = hmac.compare_digest(form.get("form", "").encode(), self._form.encode())
        return form if self._knows(request) and ours else None

    def _version(self) -> str:
        """Another text whenever there may be something new, without the log being read."""
        paths = [self._state / LOG, self._state / REVIEW, self._state / STOP]
        if self._challenge:
            paths.append(ChallengeFolder(self._challenge).keys_path)
        known = [(seen.st_mtime_ns, seen.st_size) for seen in (path.stat() for path in paths if path.exists())]
        return f'"{hash((*known, *map(str, self._probes))):x}"'

    def _ledger(self) -> tuple[Ledger, list[EgressLine]]:
        path = self._state / LOG
        lines = read_egress(path) if path.exists() else []
        return Ledger.of(lines), lines

    def _knows(self, request: Request) -> bool:
        given = request.cookies.get(COOKIE, "")
        return bool(self._session) and hmac.compare_digest(given.encode(), self._session.encode())

    def _show(self, problem: str = "", status: int = 200) -> Response:
        ledger, lines = self._ledger()
        ring = key_ring(ChallengeFolder(self._challenge)) if self._challenge else None
        now = datetime.now(UTC)
        left = [line for line in lines if line.kind == RESULT]
        return _page(
            "desk.html.j2",
            status,
            problem=problem,
            form=self._form,
            running=[(line, is_stopped(self._state, line.submission)) for line in running(ledger)],
            waiting=undecided(self._state, ledger),
            keys=[(one, ring.state_of(one), (now - one.since).days if one.since else None) for one in ring.runners]
            if ring
            else None,
            sandbox=self._sandbox,
            probes=self._probes,
            left=left[: -SHOWN - 1 : -1],
            balances=[(a, b) for a, b in sorted(ledger.balances.items()) if b.budget],
            reasons=HELD_BACK,
        )


def create_desk(state: Path, code: str, challenge: Path | None = None, sandbox: str = "template") -> Starlette:
    """The application; it answers under the names of loopback alone."""
    desk = Desk(state, code, challenge, sandbox)
    return Starlette(
        routes=[
            Route("/", _safe(desk.look)),
            Route("/enter", _safe(desk.enter), methods=["POST"]),
            Route("/decide", _safe(desk.decide), methods=["POST"]),
            Route("/stop", _safe(desk.stop), methods=["POST"]),
            Route("/test", _safe(desk.test), methods=["POST"]),
            Route("/desk.css", _style),
            Route("/desk.js", _script),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _safe(page: Page) -> Page:
    """``page``, unless another site asks for it; a state folder that cannot be read is said in a sentence."""

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin not in (None, f"http://{request.headers.get('host')}"):
            return _page("enter.html.j2", 403, problem="Another site has asked for this. Nothing was decided.")
        try:
            return await page(request)
        except KitError as error:
            return _page("enter.html.j2", 500, problem=error.message)

    return answer


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            return {}
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _foreign() -> Response:
    return _page("enter.html.j2", 403, problem="This form is not of this session. Nothing was decided.")


def _page(name: str, status: int, **values: object) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(name).render(**values), status, HEADERS)


async def _style(request: Request) -> Response:
    return Response(_pages.get_template("desk.css").render(), media_type="text/css", headers=HEADERS)


async def _script(request: Request) -> Response:
    return Response(_pages.get_template("desk.js").render(), media_type="text/javascript", headers=HEADERS)

"""What the JupyterLab extension costs, beside the same without it, in one run and in a real browser.

Run: python benchmarks/jupyterlab.py [start size click panel] [--rounds N] [--submissions N] [--json]

Subjects alternate, so that what else the machine does meets all alike. Times are taken in the page, with its own
clock, and are medians in milliseconds. Needed are chromium and the extension as `make extension` builds it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from house import ROOT, SOLUTION, House
from lab import CHROMIUM_FLAGS, SETTINGS, Desk, Lab, chromium
from playwright.sync_api import Browser, Page, sync_playwright
from rows import add_submissions

from participant_kit.participant import Client
from participant_kit.participant.check import check_notebook
from participant_kit.participant.prepare import prepare_notebook
from participant_kit.participant.server.checks import findings_of
from participant_kit.protocol.keys import Role

LABEXTENSION = ROOT / "participant_kit" / "labextension"
LABEXTENSIONS = Path(sys.prefix, "share", "jupyter", "labextensions")
VIEW = {"width": 1280, "height": 860}
FRAME = 1000 / 60
FRAMES = 180

WATCH = """
performance.setResourceTimingBufferSize(10000);
let app;
Object.defineProperty(window, 'jupyterapp', {
  get: () => app,
  set: value => {
    app = value;
    app.restored.then(() => { window.restored = performance.now(); });
  },
});
let splashed = false;
new MutationObserver((_, observer) => {
  const splash = document.getElementById('jupyterlab-splash');
  splashed ||= !!splash;
  if (!window.ready && splashed && !splash && document.querySelector('.jp-Launcher, .jp-Notebook')) {
    window.ready = performance.now();
  }
  if (!window.listed && document.querySelector('.pkit-Submission')) {
    window.listed = performance.now();
  }
  if (window.ready && window.listed) {
    observer.disconnect();
  }
}).observe(document, { childList: true, subtree: true });
"""
"""Notes when JupyterLab has restored its layout, when its splash screen is gone, when the first submission is there."""

ARM = """name => {
  let clicked;
  const click = event => {
    if (event.target.closest('.pkit-Submit-send')) {
      clicked = event.timeStamp;
    }
  };
  document.addEventListener('click', click, { capture: true });
  window.queued = new Promise(resolve => {
    const look = () => {
      const row = document.querySelector(`.pkit-Submission[aria-label="${name}"] .pkit-State.pkit-mod-queued`);
      if (row) {
        const seen = performance.now();
        observer.disconnect();
        document.removeEventListener('click', click, { capture: true });
        requestAnimationFrame(() => setTimeout(() => {
          resolve({ row: seen - clicked, painted: performance.now() - clicked });
        }));
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
  });
}"""
"""Takes the time from the click on "Submit blind" to the row that says "Queued", and to the frame that shows it."""

EDIT = """async text => {
  const { content, context } = window.jupyterapp.shell.currentWidget;
  content.model.sharedModel.cells[1].setSource(text);
  const began = performance.now();
  await context.save();
  return performance.now() - began;
}"""
"""Changes the notebook in front and saves it; how long that took."""

SENT = """() => {
  const asked = performance.getEntriesByType('resource');
  return asked.findLast(one => one.name.includes('/participant-kit/submissions')).duration;
}"""

SCROLL = """async ({ what, step, frames }) => {
  let target = document.querySelector('.pkit-List');
  const box = target.getBoundingClientRect();
  const rows = () => target.firstElementChild.childElementCount;
  if (what === 'plain') {
    const height = target.scrollHeight;
    target = document.body.appendChild(document.createElement('div'));
    target.style.cssText = `position: fixed; z-index: 9999; overflow: auto; left: ${box.left}px; top: ${box.top}px;`
      + `width: ${box.width}px; height: ${box.height}px; background: white`;
    target.appendChild(document.createElement('div')).style.height = `${height}px`;
  }
  target.scrollTop = 0;
  const last = target.scrollHeight - target.clientHeight;
  const pace = step || last / frames;
  const next = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < 10; i++) {
    await next();
  }
  const intervals = [];
  let most = 0;
  for (let i = 1, before = await next(); i <= frames; i++) {
    target.scrollTop = Math.min(last, i * pace);
    const now = await next();
    intervals.push(now - before);
    before = now;
    most = Math.max(most, rows());
  }
  if (what === 'plain') {
    target.remove();
  }
  return { intervals, rows: most };
}"""
"""Scrolls the list, or a plain box of its size in its place, a step each frame; how long each frame took."""

Figures = dict[str, list[float]]
"""Figures of each round, by what was measured."""


def main() -> None:
    """Measure what was asked for and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts: dict[str, Callable[..., Figures]] = {"start": start, "click": click, "panel": panel, "size": size}
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; all if left out")
    parser.add_argument("--rounds", type=int, default=20, help="after those that warm up (20)")
    parser.add_argument("--submissions", type=int, default=5000, help="in the panel (5000)")
    parser.add_argument("--json", action="store_true", help="the figures of each round")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"unknown: {', '.join(unknown)}")
    with ExitStack() as stack:
        world = World(stack, given.rounds, given.submissions)
        found = {name: measure(world) for name, measure in parts.items() if name in (given.parts or parts)}
        load = os.getloadavg()[0]
    if given.json:
        sys.stdout.write(json.dumps({"rounds": given.rounds, "load": load, **found}) + "\n")
    else:
        sys.stdout.write(f"{given.rounds} rounds, {os.cpu_count()} cores, load {load:.2f} at the end\n")
        for figures in found.values():
            show(figures)


class World:
    """A gateway, labs and a browser, made when they are asked for."""

    def __init__(self, stack: ExitStack, rounds: int, submissions: int) -> None:
        self.rounds, self.submissions = rounds, submissions
        self._stack = stack
        self._root = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        self._house: House | None = None
        self._browser: Browser | None = None
        os.environ.update(PKIT_HOME=str(self._root / "home"), PKIT_KEYRING="off")

    @property
    def house(self) -> House:
        """A gateway with a challenge, and no runner: what is sent stays queued."""
        if self._house is None:
            folder = self._root / "house"
            folder.mkdir()
            self._house = House(folder, (Role.BLIND,))
            self._stack.callback(self._house.close)
            self._house.open(runners=False)
        return self._house

    @property
    def browser(self) -> Browser:
        """The browser; every page gets a profile of its own."""
        if self._browser is None:
            playwright = self._stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
            self._stack.callback(self._browser.close)
        return self._browser

    def lab(self, name: str, participant: str | None = None, *, extension: bool = True) -> Lab:
        """A Jupyter Server that runs, of ``participant`` if one is named, or without the extension."""
        lab = Lab(self._root / name)
        lab.set("@jupyterlab/apputils-extension:notification", SETTINGS["@jupyterlab/apputils-extension:notification"])
        config = lab.root / "config"
        settings: dict[str, dict[str, Any]] = {"LabApp": {"expose_app_in_browser": True}}
        if not extension:
            others = lab.root / "labextensions"
            others.mkdir()
            for path in set(LABEXTENSIONS.iterdir()) - {LABEXTENSIONS / "participant-kit"}:
                (others / path.name).symlink_to(path)
            settings["LabApp"]["labextensions_path"] = [str(others)]
            _write(config / "jupyter_server_config.d" / "off.json", _OFF)
        _write(config / "jupyter_lab_config.json", settings)
        lab.start()
        self._stack.callback(lab.stop)
        if participant:
            lab.join(self.house.address, self.house.token(participant, "participant"))
        return lab

    @contextmanager
    def profile(self) -> Iterator[Callable[[], Page]]:
        """Makes pages that share a cache; nothing is in it at first."""
        with closing(self.browser.new_context(viewport=VIEW)) as context:
            context.add_init_script(WATCH)
            yield context.new_page


_OFF = {"ServerApp": {"jpserver_extensions": {"participant_kit": False}}}


def start(world: World) -> Figures:
    """JupyterLab's time to ready with and without the extension: first visit, and with all in the cache."""
    labs = {"without": world.lab("without", extension=False), "with": world.lab("with", "ada-starts")}
    figures: Figures = {}
    for number in range(world.rounds + 1):
        with ExitStack() as profiles:
            new_page = {name: profiles.enter_context(world.profile()) for name in labs}
            for visit in ("uncached", None, "cached"):  # the second makes the browser keep compiled code
                for name in sorted(labs, reverse=bool(number % 2)):
                    with closing(new_page[name]()) as page:
                        page.goto(labs[name].address("lab"))
                        page.wait_for_function("() => window.ready && window.restored", timeout=60_000)
                        has_it = page.evaluate("() => window.jupyterapp.hasPlugin('participant-kit:plugin')")
                        _require(has_it == (name == "with"), "the extension is where it should be")
                        for moment in ("ready", "restored") if visit and number else ():
                            key = f"start, {visit}: {moment}, {name}"
                            figures.setdefault(key, []).append(page.evaluate(f"() => window.{moment}"))
    for visit in ("uncached", "cached"):
        for moment in ("ready", "restored"):
            pairs = zip(*(figures[f"start, {visit}: {moment}, {name}"] for name in ("with", "without")), strict=True)
            figures[f"start, {visit}: {moment}, ratio of pairs"] = [one / other for one, other in pairs]
    return dict(sorted(figures.items()))


def size(world: World) -> Figures:
    """Compressed bytes of the bundle: our own code, and the one library in it that is not ours."""
    static = LABEXTENSION / "static"
    entry = next(static.glob("remoteEntry.*.js")).read_text()
    found = re.search(r'import:"@tanstack/react-virtual".*?fallback:\(\)=>(.*?)then', entry)
    _require(found is not None, "the bundle says where the library is")
    theirs = set(re.findall(r"\.e\((\d+)\)", found[1] if found else ""))
    sizes = {
        path: len(gzip.compress(path.read_bytes(), mtime=0))
        for path in (*static.glob("*.js"), *LABEXTENSION.glob("schemas/**/*.json"))
    }
    other = sum(count for path, count in sizes.items() if path.name.split(".")[0] in theirs)
    loaded = sum(count for path, count in sizes.items() if path.name.startswith("remoteEntry"))
    return {
        "size, gzipped bytes: our own code": [sum(sizes.values()) - other],
        "size, gzipped bytes: @tanstack/react-virtual": [other],
        "size, gzipped bytes: of ours, the entry alone": [loaded],
    }


def click(world: World) -> Figures:
    """From the click on "Submit blind" to the row that says "Queued", with a notebook of 1 MB."""
    lab, figures = world.lab("clicks", "ada-clicks"), Figures()
    path = lab.write("large.ipynb", *_megabyte(), SOLUTION)
    _require((lab.files / path).stat().st_size > 1_000_000, "the notebook is large")
    with world.profile() as new_page:
        desk = Desk(new_page(), lab)
        desk.open(path)
        desk.show_panel()
        desk.submit_button.wait_for()
        for number in range(world.rounds + 2):
            name = f"round {number}"
            saved = desk.page.evaluate(EDIT, f"# {name}")
            desk.open_dialog().get_by_label("Name").fill(name)
            desk.page.evaluate(ARM, name)
            desk.dialog.get_by_role("button", name="Submit blind").click()
            took = desk.page.evaluate("() => window.queued")
            desk.dialog.wait_for(state="detached")
            figures.setdefault("click: JupyterLab saves the same notebook", []).append(saved)
            figures.setdefault("click: to the row that says Queued", []).append(took["row"])
            figures.setdefault("click: to the frame that shows it", []).append(took["painted"])
            figures.setdefault("click: of these, the server's answer", []).append(desk.page.evaluate(SENT))
    return {name: values[2:] for name, values in (figures | _parts_of_sending(world)).items()}


def _megabyte() -> list[str]:
    line = 'x{} = "' + "a long text " * 7 + '"  # and a comment of some length, as people write them\n'
    return ["".join(line.format(number) for number in range(70)) for _ in range(100)]


def _parts_of_sending(world: World) -> Figures:
    """What the server does, one after the other, without a browser."""
    client, figures = Client(world.house.address, retries=1), Figures()
    for number in range(world.rounds + 2):
        path = world.house.write(f"# {number}", *_megabyte(), SOLUTION)
        kit = world.house.kit
        parts: dict[str, Callable[[], Any]] = {
            "the check, when nobody has looked": lambda path=path, kit=kit: findings_of(path, kit),
            "the check, after the dialog has shown it": lambda path=path, kit=kit: findings_of(path, kit),
            "the notebook prepared": lambda path=path: prepare_notebook(path),
            "prepared, sealed, kept, sent, stored": lambda path=path: client.submit(path),
        }
        for name, work in parts.items():
            began = time.perf_counter()
            work()
            figures.setdefault(f"click, in parts: {name}", []).append(1000 * (time.perf_counter() - began))
        _require(check_notebook(path, kit) == [], "the notebook is fine")
    return figures


def panel(world: World) -> Figures:
    """A panel of thousands beside one of a few, and scrolling it beside scrolling a plain box."""
    labs: dict[str, Lab] = {}
    for count in (world.submissions, 5):
        labs[f"{count} submissions"] = lab = world.lab(f"{count}-rows", f"ada-has-{count}")
        add_submissions(world.house, f"ada-has-{count}", count)
        with world.profile() as new_page:  # the panel stays open where somebody has opened it
            desk = Desk(new_page(), lab)
            desk.open()
            desk.page.wait_for_function("() => window.ready", timeout=60_000)
            desk.page.evaluate("() => window.jupyterapp.commands.execute('participant-kit:show-panel')")
            desk.rows.first.wait_for(timeout=60_000)
            desk.page.wait_for_timeout(3000)
    figures: Figures = {}
    for number in range(world.rounds + 1):
        for name, lab in labs.items():
            with world.profile() as new_page:
                page = new_page()
                page.goto(lab.address())
                page.wait_for_function("() => window.listed && window.ready", timeout=60_000)
                took = page.evaluate("() => [window.listed, window.ready]")
                if number:
                    figures.setdefault(f"panel: page opened to list shown, {name}", []).append(took[0])
                    figures.setdefault(f"panel: page opened to JupyterLab ready, {name}", []).append(took[1])
    with world.profile() as new_page:
        figures |= _scroll(world, labs[f"{world.submissions} submissions"], new_page())
    return figures


def _scroll(world: World, lab: Lab, page: Page) -> Figures:
    heard, figures = [time.monotonic()], Figures()

    def listen(_: object) -> None:
        heard.append(time.monotonic())

    page.on("websocket", lambda line: line.on("framereceived", listen) if "/participant-kit/" in line.url else None)
    page.goto(lab.address())
    page.wait_for_function("() => window.listed && window.ready", timeout=60_000)
    began = time.monotonic()
    while time.monotonic() - heard[-1] < 3:  # receipts are still being verified
        page.wait_for_timeout(100)
    figures["panel: list shown to every receipt verified"] = [1000 * (heard[-1] - began)]
    paces = {"120 pixels a frame": 120, f"the whole list in {FRAMES} frames": 0}
    for number in range(world.rounds + 1):
        for (pace, step), what in [(pace, what) for pace in paces.items() for what in ("list", "plain")]:
            seen = page.evaluate(SCROLL, {"what": what, "step": step, "frames": FRAMES})
            if number:
                name = f"panel: {pace}, {what}"
                dropped = sum(1 for interval in seen["intervals"] if interval > 1.5 * FRAME)
                figures.setdefault(f"{name}: dropped of {FRAMES}", []).append(dropped)
                figures.setdefault(f"{name}: longest frame", []).append(max(seen["intervals"]))
                figures.setdefault(f"{name}: mean frame", []).append(statistics.mean(seen["intervals"]))
                if what == "list":
                    figures.setdefault(f"{name}: most rows in the page", []).append(seen["rows"])
    return figures


def show(figures: Figures) -> None:
    """Print medians and the range of each."""
    for name, values in figures.items():
        median, digits = statistics.median(values), 3 if "ratio" in name else 1
        spread = f"({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
        sys.stdout.write(f"{name:72} {median:9.{digits}f}  {spread}\n")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(f"This is no measurement, unless {what}.")


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


if __name__ == "__main__":
    main()

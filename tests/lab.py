"""JupyterLab as a participant has it: a server process on a folder of its own, and a page in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from house import ROOT, SLUG, free_port, wait_until
from playwright.sync_api import Locator, Page, expect
from support import make_notebook

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = ROOT / "extension" / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "a-login-to-jupyter"
SETTINGS = {
    # its toast would lie over those that are looked at
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "full"},
}


def chromium() -> str:
    """Debian's browser. Raises ``RuntimeError`` where there is none."""
    if found := shutil.which("chromium"):
        return found
    raise RuntimeError("There is no chromium here. `make test` installs it.")


class Lab:
    """A Jupyter Server in ``root``; it can be stopped and started again on the same port."""

    def __init__(self, root: Path, *, slug: str = SLUG, base_url: str = "/", locale: str | None = None) -> None:
        self.root, self.files, self.slug, self.base_url = root, root / "files", slug, base_url
        self.process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.files.mkdir(parents=True)
        chosen = dict(SETTINGS)
        if locale:
            chosen["@jupyterlab/translation-extension:plugin"] = {"locale": locale}
        for plugin, values in chosen.items():
            self.set(plugin, values)

    def set(self, plugin: str, values: dict[str, object]) -> None:
        """Settings of one plugin, as a person would have chosen them."""
        package, _, name = plugin.partition(":")
        path = self.root / "settings" / package / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def start(self, application: str = "lab") -> None:
        """Start the server; ``application`` is ``lab`` or ``notebook``."""
        command = [sys.executable, "-m", f"jupyter{application}" if application == "lab" else application]
        command += ["--no-browser", "--allow-root", f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.files}"]
        command += [f"--ServerApp.base_url={self.base_url}"]
        command += ["--ParticipantKit.wait=2", "--ParticipantKit.pause=1"]
        if application == "lab":
            command += ["--LabApp.expose_app_in_browser=True"]  # for Desk.clear
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=self.files, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._is_up, 60, "Jupyter Server starts")

    def _is_up(self) -> bool:
        assert self.process and self.process.poll() is None, self.log
        return (self.root / "runtime" / f"jpserver-{self.process.pid}.json").exists()

    def stop(self) -> None:
        """End it as a person would."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)  # a machine that runs other tests takes its time to end kernels

    def run(self, *words: str, given: str = "") -> str:
        """A ``pkit`` command of this person's."""
        command = [sys.executable, "-m", "participant_kit.cli.main", *words]
        done = subprocess.run(
            command, env=self.environment, cwd=self.files, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def join(self, gateway: str, token: str) -> None:
        """Log in and join, as the page would."""
        self.run("login", gateway, "--token-file", "-", given=token)
        self.run("join", f"{gateway}/{self.slug}", "--folder", str(self.kit))

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep everything of this person's in ``root``."""
        folders = {
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "PKIT_HOME": "home",
        }
        return os.environ | {name: str(self.root / folder) for name, folder in folders.items()}

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.root / "server.log").read_text(errors="replace")

    def address(self, path: str = "lab") -> str:
        """The address of a page, with the login."""
        return f"http://127.0.0.1:{self.port}{self.base_url}{path}?token={TOKEN}"

    @property
    def kit(self) -> Path:
        """The folder of the kit that was joined."""
        return self.files / self.slug

    def write(self, name: str, *cells: str) -> str:
        """A notebook in the kit; its path as Jupyter has it."""
        path = self.kit / "starter_notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = json.loads(make_notebook(f"# {name}", *cells))
        notebook["metadata"]["kernelspec"] = {
            "name": f"pkit-{self.slug}",
            "display_name": self.slug,
            "language": "python",
        }
        path.write_text(json.dumps(notebook))
        return path.relative_to(self.files).as_posix()


CLEAR = """async () => {
    const { commands, shell } = window.jupyterapp;
    const hiddenFirst = (one, other) => one.isVisible - other.isVisible;  // else one is shown only to go
    for (const widget of [...shell.widgets('main')].sort(hiddenFirst)) widget.dispose();
    shell.collapseRight();
    await commands.execute('apputils:dismiss-notification');
}"""
OPEN = "async path => { await jupyterapp.commands.execute('filebrowser:open-path', { path }); }"


class Desk:
    """What a person does in the page. One that ``stays`` is cleared, where to load JupyterLab again takes seconds."""

    def __init__(self, page: Page, lab: Lab, *, stays: bool = False) -> None:
        self.page, self.lab, self.stays = page, lab, stays

    def open(self, path: str = "", *, anew: bool = False) -> None:
        """Open JupyterLab, with a notebook if one is named; load it ``anew`` for somebody with other settings."""
        if anew or not self.stays or not self.page.url.startswith(self.lab.address().partition("?")[0]):
            self.page.goto(self.lab.address(f"lab/tree/{path}" if path else "lab") + "&reset")
            expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=30_000)
        else:
            for _ in range(self.page.locator(".jp-Dialog").count()):
                self.page.locator(".jp-Dialog button:enabled").first.press("Escape")
            expect(self.page.locator(".jp-Dialog")).to_have_count(0)
            self.page.evaluate(CLEAR)
            expect(self.page.locator(".jp-Notebook")).to_have_count(0)
            expect(self.panel).to_be_hidden()
            expect(self.toasts).to_have_count(0)
            if path:
                self.page.evaluate(OPEN, path)
        if path:
            expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=30_000)

    def leave(self) -> None:
        """Let who comes next load JupyterLab anew."""
        self.page.goto("about:blank")

    def show_panel(self) -> Locator:
        """The panel, opened if it is not."""
        # In this order: the splash comes later than a page that is loaded, and goes once all is open that was before.
        expect(self.page.locator('.jp-SideBar [data-id="participant-kit-panel"]')).to_be_visible(timeout=30_000)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=30_000)
        if not self.panel.is_visible():
            self.page.locator('.jp-SideBar [data-id="participant-kit-panel"]').click()
        return self.panel

    @property
    def panel(self) -> Locator:
        """The side panel."""
        return self.page.locator("#participant-kit-panel")

    @property
    def rows(self) -> Locator:
        """The submissions in the panel."""
        return self.panel.locator(".pkit-Submission")

    @property
    def dialog(self) -> Locator:
        """The dialog in front."""
        return self.page.locator(".jp-Dialog-content")

    @property
    def submit_button(self) -> Locator:
        """The button "Submit blind" in the toolbar of the notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pkit-SubmitButton-main")

    @property
    def toasts(self) -> Locator:
        """JupyterLab's notifications."""
        return self.page.locator(".Toastify__toast")

    def open_dialog(self) -> Locator:
        """Press "Submit blind" and wait until the check is done."""
        self.submit_button.click()
        expect(self.dialog.locator(".pkit-Submit-body, .pkit-Notice.pkit-mod-error").first).to_be_visible(
            timeout=30_000  # a machine that has other work
        )
        return self.dialog

    def submit(self, name: str = "") -> None:
        """Send the notebook in front."""
        dialog = self.open_dialog()
        if name:
            dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="Submit blind").click()
        expect(dialog).to_have_count(0)

    def row(self, name: str) -> Locator:
        """The submission called ``name``."""
        return self.rows.filter(has_text=name).first

    def menu(self, item: str) -> None:
        """Choose from the small menu beside the button."""
        self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pkit-SubmitButton-more").click()
        self.page.locator(".lm-Menu-item", has_text=item).first.click()

    def active_cell(self) -> int:
        """The number of the cell that is chosen, from 1."""
        return 1 + int(
            self.page.evaluate(
                "() => [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell')]"
                ".findIndex(cell => cell.classList.contains('jp-mod-active'))"
            )
        )

    def violations(self, selector: str) -> list[str]:
        """What axe-core finds serious or critical in a part of the page."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("selector => axe.run(selector, { resultTypes: ['violations'] })", selector)
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def narrow(self, width: int) -> None:
        """Drag the border of the panel until it is ``width`` pixels wide."""
        box = self.panel.bounding_box()
        assert box
        self.page.mouse.move(box["x"] - 2, box["y"] + 300)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] - 2 + box["width"] - width, box["y"] + 300, steps=8)
        self.page.mouse.up()

    def overflowing(self, selector: str) -> list[str]:
        """Elements whose text or buttons stick out of what contains them, but those that scroll."""
        found = self.page.evaluate(
            """selector => {
                const frame = document.querySelector(selector).getBoundingClientRect();
                return [...document.querySelectorAll(selector + ' *')].filter(each => {
                    const box = each.getBoundingClientRect();
                    return box.width > 2 && !each.closest('.pkit-TableFrame') && box.right > frame.right + 1;
                }).map(each => each.outerHTML.slice(0, 200));
            }""",
            selector,
        )
        return list(found)

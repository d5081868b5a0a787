"""What is shipped is complete, up to date, and installs where there is no Node.js."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LABEXTENSION = ROOT / "participant_kit" / "labextension"
SOURCES = ["extension", "participant_kit", ".gitignore", "LICENSE", "README.md", "pyproject.toml"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SHARED = f"participant_kit-{VERSION}.data/data/"


def run(*command: str | Path, cwd: Path, path: Path) -> str:
    """Run with programs of the folder ``path`` alone, so without Node.js, and with no settings of this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTHON", "npm_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=kept | {"HOME": str(cwd), "PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)  # without colours


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed to build, with the extension that ``make extension`` has built."""
    assert LABEXTENSION.is_dir(), "run `make extension` first"
    copy = tmp_path_factory.mktemp("checkout")
    unneeded = shutil.ignore_patterns("__pycache__", "node_modules", "lib", "coverage")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=unneeded)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with no program in it."""
    return tmp_path_factory.mktemp("nothing")


@pytest.fixture(scope="module")
def built(checkout: Path, nothing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution, and the wheel that is built from it, both without Node.js."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=checkout, path=nothing)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, nothing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with the wheel in it; what it depends on is taken from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, wheel, cwd=nothing, path=nothing)
    # A folder that a .pth file names is searched, but its own .pth files are not read: the package itself, which is
    # installed here as a link to its sources, is not found there.
    packages = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=nothing, path=nothing).strip()
    )
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = run(python, "-c", "import participant_kit; print(participant_kit.__file__)", cwd=nothing, path=nothing)
    assert Path(found.strip()).is_relative_to(folder)
    return python


def files_of_extension() -> set[str]:
    return {path.relative_to(LABEXTENSION).as_posix() for path in LABEXTENSION.rglob("*") if path.is_file()}


def test_the_versions_agree() -> None:
    assert json.loads((ROOT / "extension" / "package.json").read_text())["version"] == VERSION
    assert json.loads((ROOT / "extension" / "package-lock.json").read_text())["version"] == VERSION


def test_the_lock_file_names_no_download_address() -> None:
    packages = json.loads((ROOT / "extension" / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_the_built_extension_is_not_older_than_its_sources() -> None:
    assert LABEXTENSION.is_dir(), "run `make extension` first"
    sources = [ROOT / "extension" / "package.json"]
    for folder in ("src", "schema", "style"):
        sources += [path for path in (ROOT / "extension" / folder).rglob("*") if "__tests__" not in path.parts]
    built = (LABEXTENSION / "package.json").stat().st_mtime
    assert not [path for path in sources if path.is_file() and path.stat().st_mtime > built], "run `make extension`"


def test_the_source_distribution_has_the_built_extension_and_its_sources(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"participant_kit/labextension/{name}" for name in files_of_extension()} <= names
    assert {
        "extension/install.json",
        "extension/jupyter-config/server-config/participant_kit.json",
        "extension/package-lock.json",
        "extension/schema/plugin.json",
        "extension/src/index.ts",
        "participant_kit/locale/de_DE/LC_MESSAGES/participant_kit.json",
    } <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("extension/lib")]


def test_the_wheel_has_everything_once_and_where_jupyter_looks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        texts = {name: archive.read(name) for name in names}
    assert len(names) == len(set(names))
    extension = SHARED + "share/jupyter/labextensions/participant-kit/"
    shipped = {name.removeprefix(extension) for name in names if name.startswith(extension)}
    assert shipped == files_of_extension() | {"install.json"}
    assert {"package.json", "schemas/participant-kit/plugin.json", "static/style.js"} <= shipped
    server = json.loads(texts[SHARED + "etc/jupyter/jupyter_server_config.d/participant_kit.json"])
    assert server["ServerApp"]["jpserver_extensions"] == {"participant_kit": True}
    assert "participant_kit/locale/de_DE/LC_MESSAGES/participant_kit.json" in names
    assert not [name for name in names if name.startswith(("participant_kit/labextension", "extension"))]
    assert not [name for name, text in texts.items() if os.fsencode(ROOT) in text], "paths of this machine"


def test_a_wheel_from_the_checkout_is_the_same(checkout: Path, wheel: Path, nothing: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, cwd=checkout, path=nothing)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as other:
        assert {i.filename: i.CRC for i in one.infolist()} == {i.filename: i.CRC for i in other.infolist()}


def test_without_a_built_extension_npm_builds_it(checkout: Path, tmp_path: Path) -> None:
    unbuilt = tmp_path / "checkout"
    shutil.copytree(checkout, unbuilt, ignore=shutil.ignore_patterns("labextension"))
    programs = tmp_path / "programs"
    programs.mkdir()
    npm = programs / "npm"
    npm.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        "with open('../calls', 'a') as calls: print(pathlib.Path.cwd().name, *sys.argv[1:], file=calls)\n"
        f"if 'build:prod' in sys.argv: shutil.copytree({str(LABEXTENSION)!r}, '../participant_kit/labextension')\n"
    )
    npm.chmod(0o755)
    command = (sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path)
    run(*command, cwd=unbuilt, path=programs)
    assert (unbuilt / "calls").read_text().splitlines() == ["extension install", "extension run build:prod"]


def test_jupyterlab_shows_the_installed_extension(python: Path, nothing: Path, tmp_path: Path) -> None:
    listed = run(python, "-m", "jupyterlab.labextensions", "list", cwd=tmp_path, path=nothing)
    assert f"participant-kit v{VERSION} enabled OK (python, participant-kit)" in " ".join(listed.split())


def test_jupyter_server_loads_the_installed_extension(python: Path, nothing: Path, tmp_path: Path) -> None:
    listed = run(python, "-m", "jupyter_server.extension.serverextension", "list", cwd=tmp_path, path=nothing)
    validated = f"participant_kit enabled - Validating participant_kit... participant_kit {VERSION} OK"
    assert validated in " ".join(listed.split())


def test_jupyterlab_finds_the_german_texts(python: Path, nothing: Path, tmp_path: Path) -> None:
    code = "import json, jupyterlab_server.translation_utils as t; print(json.dumps(t.get_language_pack('de_DE')))"
    texts, message = json.loads(run(python, "-c", code, cwd=tmp_path, path=nothing))
    assert message == ""
    assert texts["participant_kit"][""]["language"] == "de-DE"

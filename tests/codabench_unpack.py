"""Codabench's own unpacker on bundles, run from its source by a Python that has its dependencies; prints what it made.

``PYTHON tests/codabench_unpack.py SOURCE BUNDLE...``. Real are the unpacker, its serializers and models, and the YAML
reader of ``unpack_competition``; the database is SQLite in memory, and files are kept in a folder, not in S3.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import types
import zipfile
from pathlib import Path
from typing import Any


def main(source: Path, bundles: list[Path]) -> None:
    """Unpack and save each bundle; a line of JSON for each."""
    with tempfile.TemporaryDirectory() as folder:
        _set_up(source / "src", folder)
        for bundle in bundles:
            print(json.dumps(_unpack(bundle), default=str))


def _set_up(source: Path, folder: str) -> None:
    os.environ |= {
        "DOMAIN_NAME": "localhost:80",
        "AWS_STORAGE_BUCKET_NAME": "a",
        "AWS_STORAGE_PRIVATE_BUCKET_NAME": "b",
    }
    os.environ |= {"BROKER_URL": "memory://", "REDIS_URL": "redis://127.0.0.1:1", "LOG_LEVEL": "ERROR"}
    sys.path[:0] = [str(source), str(source / "apps")]
    base = importlib.import_module("settings.base")
    settings: Any = types.ModuleType("unpack_settings")
    settings.__dict__.update({name: value for name, value in vars(base).items() if name.isupper()})
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.MIGRATION_MODULES = {name.rpartition(".")[2]: None for name in settings.INSTALLED_APPS}
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": folder}}
    settings.STORAGES = {"default": files, "staticfiles": files}
    settings.CELERY_TASK_ALWAYS_EAGER = True
    sys.modules["unpack_settings"] = settings
    os.environ["DJANGO_SETTINGS_MODULE"] = "unpack_settings"
    _store_in(source, folder)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def _store_in(source: Path, folder: str) -> None:
    from django.core.files.storage import FileSystemStorage

    spec = importlib.util.spec_from_file_location("utils.storage", source / "utils" / "storage.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["utils.storage"] = module
    spec.loader.exec_module(module)
    for name in ("PublicStorage", "BundleStorage"):
        setattr(module, name, FileSystemStorage(location=folder))


def _unpack(bundle: Path) -> dict[str, Any]:
    import oyaml as yaml
    from competitions.unpackers.v2 import V2Unpacker
    from profiles.models import User

    creator, _ = User.objects.get_or_create(username="organizer", email="organizer@example.com")
    with tempfile.TemporaryDirectory() as temporary:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(temporary)
        content = yaml.safe_load(Path(temporary, "competition.yaml").read_text())
        unpacker = V2Unpacker(competition_yaml=content, temp_directory=temporary, creator=creator)
        unpacker.unpack()
        competition = unpacker.save()
    leaderboard = competition.phases.first().leaderboard
    return {
        "title": competition.title,
        "pages": [page.title for page in competition.pages.order_by("index")],
        "phases": [_phase(phase) for phase in competition.phases.order_by("index")],
        "primary": leaderboard.primary_index,
        "rule": leaderboard.submission_rule,
        "columns": [
            {key: getattr(column, key) for key in ("key", "index", "sorting", "precision", "computation", "hidden")}
            for column in leaderboard.columns.order_by("index")
        ],
    }


def _phase(phase: Any) -> dict[str, Any]:
    keys = ("name", "start", "end", "max_submissions_per_day", "max_submissions_per_person", "execution_time_limit")
    keys += ("hide_output", "hide_prediction_output", "hide_score_output")
    return {key: getattr(phase, key) for key in keys} | {"tasks": [task.name for task in phase.tasks.all()]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])

"""Codabench's own web application, run from its source by its own Python: settings of one, and the program itself.

``python codabench_site.py PORT RULE TASKS PER_DAY`` serves one competition of ``org``, in which ``ada`` takes part. It
writes the numbers of competition and phase, and then the secret of each submission whose number it reads.
"""

# ruff: noqa: F403, F405
from __future__ import annotations

import os
import sys

USER, PASSWORD, OTHER = "ada", "a pass phrase, with signs: %&", "bea"

if (
    os.environ.get("DJANGO_SETTINGS_MODULE") == __name__
):  # as Django's settings: theirs, with what is on this machine in place of four servers
    from settings.base import *

    DEBUG = False
    ENGINE = "django.db.backends.postgresql"
    NAME, HOST = os.environ["SITE_DATABASE"], os.environ["SITE_DATABASE_HOST"]
    DATABASES = {"default": {"ENGINE": ENGINE, "NAME": NAME, "USER": "pkit", "HOST": HOST}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CELERY_BROKER_URL, CELERY_RESULT_BACKEND, CELERY_TASK_ALWAYS_EAGER = "memory://", "cache+memory://", True
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    MIDDLEWARE = tuple(name for name in MIDDLEWARE if "whitenoise" not in name)


def main(port: int, rule: str, tasks: int, per_day: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "codabench_site"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    numbers = fill(rule, tasks, per_day)

    import threading
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    import competitions.tasks
    from competitions.models import Submission
    from django.core.wsgi import get_wsgi_application

    competitions.tasks.send_submission_message = lambda *_: None  # to a websocket; it needs an event loop

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", port, get_wsgi_application(), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"READY {numbers}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{Submission.objects.get(pk=int(line)).secret}\n")
        sys.stdout.flush()


def fill(rule: str, tasks: int, per_day: int) -> str:
    """One competition, as its organizer would have made it."""
    import io
    import zipfile
    from datetime import timedelta

    from competitions.models import Competition, CompetitionParticipant, Phase, PhaseTaskInstance
    from datasets.models import Data
    from django.core.files.base import ContentFile
    from django.utils.timezone import now
    from leaderboards.models import Column, Leaderboard
    from profiles.models import User
    from tasks.models import Task

    org, ada, _ = (
        User.objects.create_user(username=name, email=f"{name}@example.org", password=PASSWORD)
        for name in ("org", USER, OTHER)
    )

    def data(kind: str) -> Data:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(f"{kind}.csv", "1\n")
        new = Data.objects.create(created_by=org, type=kind, name=kind)
        new.data_file.save(f"{kind}.zip", ContentFile(buffer.getvalue()))
        return new

    competition = Competition.objects.create(title="Wheat seeds", created_by=org, published=True)
    board = Leaderboard.objects.create(title="Results", key="main", submission_rule=rule)
    for index, (key, sorting) in enumerate((("accuracy", "desc"), ("loss", "asc"))):
        Column.objects.create(leaderboard=board, title=key, key=key, index=index, sorting=sorting, precision=3)
    phase = Phase.objects.create(
        competition=competition,
        index=0,
        name="Development Phase",
        start=now() - timedelta(1),
        leaderboard=board,
        starting_kit=data(Data.STARTING_KIT),
        public_data=data(Data.PUBLIC_DATA),
        max_submissions_per_day=per_day,
    )
    begins = now() + timedelta(9)
    Phase.objects.create(competition=competition, index=1, name="Final", start=begins, leaderboard=board)
    scoring = data(Data.SCORING_PROGRAM)
    for number in range(tasks):
        task = Task.objects.create(name=f"Task {number}", created_by=org, scoring_program=scoring)
        PhaseTaskInstance.objects.create(task=task, phase=phase, order_index=number)
    CompetitionParticipant.objects.create(user=ada, competition=competition, status="approved")
    return f"{competition.pk} {phase.pk}"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

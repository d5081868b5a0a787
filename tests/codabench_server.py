"""A small server that replays Codabench's public REST API over real HTTP, and a storage for its signed addresses.

Paths, fields, statuses and sentences are those of Codabench's source of March 2026 (``src/apps/api``,
``src/apps/competitions/models.py``, ``compute_worker/compute_worker.py``), as far as a participant's client meets
them. It shares no code with the client: what is asked for, and what comes back, is written down here once more.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

USER, PASSWORD, TOKEN = "ada", "a pass phrase, with signs: %&", "0123456789abcdef0123456789abcdef01234567"
COMPETITION, PHASE, NEXT, TASK = 1234, 77, 78, 9
TITLES = {COMPETITION: "Wheat seeds", COMPETITION + 1: "Rye"}
"""The other competition has nothing of its own; it is there to be mixed up with the first."""
STEPS = ["Submitted", "Preparing", "Running", "Scoring", "Preparing", "Running", "Finished"]
"""What the compute worker reports: the ingestion's run, then that of the scoring program; scores come after that."""

Json = dict[str, Any]


class Refused(Exception):
    """An answer of Django REST framework that is an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


@dataclass
class Fault:
    """What goes wrong once, at the first request of ``method`` whose path holds ``path``.

    ``status`` is answered in place of doing anything; ``after`` does the work first, and answers with nothing
    (``drop``), half (``half``) or a 500 (``500``); ``hold`` keeps the answer back until it is let go.
    """

    method: str
    path: str
    status: int | None = None
    after: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event | None = None


def zipped(**files: bytes) -> bytes:
    """A zip, with an entry for its folder as zips from elsewhere have."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("starter/", b"")
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_ipynb", ".ipynb").replace("_csv", ".csv"), content)
    return buffer.getvalue()


class CodabenchServer:
    """One competition with two phases, of which the first is open, and one user who takes part in it."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.display_name: str | None = None
        self.participant_status: str | None = "approved"
        self.hide_output = False
        self.rule = "Force_Best"
        self.tasks = [{"id": TASK, "name": "Wheat"}]
        self.per_day, self.total = 5, 100
        self.moves = False
        """Whether a submission goes on by itself, one step each time that it is looked at."""
        self.datasets: dict[int, Json] = {}
        self.submissions: dict[int, Json] = {}
        self.files: dict[str, bytes] = {}
        self.signed: set[str] = set()
        self.faults: list[Fault] = []
        self.heard: list[tuple[str, str, dict[str, str]]] = []
        self._lock = threading.RLock()
        self.kit = self._keep(zipped(starter__baseline_ipynb=b"{}", README=b"Welcome"))
        self.data = self._keep(zipped(train_csv=b"x,y\n"))
        self.api = _serve(self._api, self)
        self.storage = _serve(self._store, self)
        self.address = f"http://127.0.0.1:{self.api.server_port}"
        self.competition = f"{self.address}/competitions/{COMPETITION}/"

    def close(self) -> None:
        for server in (self.api, self.storage):
            server.shutdown()
            server.server_close()

    def fault(self, method: str, path: str, **values: Any) -> Fault:
        self.faults.append(fault := Fault(method, path, **values))
        return fault

    def asked(self, method: str, path: str) -> int:
        """How many requests of ``method`` there were whose path holds ``path``."""
        return sum(one[0] == method and path in one[1] for one in self.heard)

    def notebook(self, number: int) -> Json:
        """The notebook that arrived with a submission."""
        with zipfile.ZipFile(BytesIO(self.packed(number))) as archive:
            return dict(json.loads(archive.read("notebook.ipynb")))

    def packed(self, number: int) -> bytes:
        return self.files[self.submissions[number]["data"]["path"]]

    # -- what the worker does ------------------------------------------------------------------------------------

    def move(self, number: int, status: str, details: str | None = None) -> None:
        self.submissions[number] |= {"status": status, "status_details": details}

    def score(self, number: int, accuracy: float = 0.93, loss: float = 0.2) -> None:
        """The worker says that it has finished, and then posts scores; rules put it on the leaderboard."""
        scores = [(0, "accuracy", accuracy), (1, "loss", loss)]
        own = self.submissions[number]
        for run in [one for one in self.submissions.values() if one["parent"] == number] or [own]:
            run["scores"] = [
                {"id": number * 10 + index, "index": index, "score": f"{score:.10f}", "column_key": key}
                for index, key, score in scores
            ]
            run["status"] = "Finished"
            run["leaderboard"] = 3 if self.rule.startswith("Force") else run["leaderboard"]
        own["status"] = "Finished"

    def _step(self, submission: Json) -> None:
        status = submission["status"]
        if not self.moves or submission["scores"] or status in ("Failed", "Cancelled"):
            return
        at = submission["step"] = submission.get("step", -1) + 1
        if at < len(STEPS):
            submission["status"] = STEPS[at]
        else:
            self.score(submission["id"])

    # -- the API -------------------------------------------------------------------------------------------------

    def _api(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Any:
        with self._lock:
            if found := re.fullmatch(r"/datasets/download/([^/]+)/", path):
                return 302, self._sign(found[1])
            if not path.startswith("/api/") or not path.endswith("/"):
                raise Refused(404, {"detail": "Not found."})
            path = path.removeprefix("/api")
            sent = json.loads(body) if body else {}
            if (method, path) == ("POST", "/api-token-auth/"):
                if (sent.get("username"), sent.get("password")) != (USER, PASSWORD):
                    raise Refused(400, {"non_field_errors": ["Unable to log in with provided credentials."]})
                return 200, {"token": self.token}
            known = self._user(headers)
            for pattern, anyone, work in self._routes(method):
                if found := re.fullmatch(pattern, path):
                    if not (known or anyone):
                        raise Refused(403, {"detail": "Authentication credentials were not provided."})
                    return work(query, sent, *map(_plain, found.groups()))
            raise Refused(404, {"detail": "Not found."})

    def _user(self, headers: dict[str, str]) -> bool:
        """Session authentication comes first over there, so that a token that is wrong is a 403."""
        given = headers.get("authorization")
        if given is not None and given != f"Token {self.token}":
            raise Refused(403, {"detail": "Invalid token."})
        return given is not None

    def _routes(self, method: str) -> list[tuple[str, bool, Callable[..., Any]]]:
        return {
            "GET": [
                (r"/my_profile/", False, self._profile),
                (r"/competitions/public/", True, self._public),
                (r"/competitions/", True, self._competitions),
                (r"/competitions/(\d+)/", True, self._competition),
                (r"/can_make_submission/(\d+)/", False, self._can),
                (r"/datasets/", False, self._datasets),
                (r"/submissions/", True, self._list),
                (r"/submissions/(\d+)/", True, self._one),
                (r"/submissions/(\d+)/cancel_submission/", False, self._cancel),
                (r"/submissions/(\d+)/get_details/", False, self._details),
                (r"/phases/(\d+)/get_leaderboard/", True, self._board),
            ],
            "POST": [
                (r"/datasets/", False, self._new_dataset),
                (r"/submissions/", False, self._new_submission),
                (r"/submissions/(\d+)/submission_leaderboard_connection/", False, self._rank),
            ],
            "PUT": [(r"/datasets/completed/([0-9a-f-]+)/", False, self._completed)],
            "DELETE": [(r"/datasets/(\d+)/", False, self._delete)],
        }.get(method, [])

    def _profile(self, query: Json, sent: Json) -> Any:
        return 200, {"username": USER, "name": None, "email": "ada@example.org", "github_info": None}

    def _listed(self) -> Json:
        return {
            "id": COMPETITION,
            "title": TITLES[COMPETITION],
            "created_by": "organizer",
            "owner_display_name": "organizer",
            "created_when": "2026-01-01T00:00:00Z",
            "published": True,
            "participants_count": 12,
            "logo": None,
            "logo_icon": None,
            "description": "Classify seeds.",
            "competition_type": "competition",
            "reward": None,
            "contact_email": None,
            "report": None,
            "is_featured": False,
            "submissions_count": len(self.submissions),
        }

    def _public(self, query: Json, sent: Json) -> Any:
        return 200, {"next": None, "previous": None, "count": 1, "page_size": 20, "results": [self._listed()]}

    def _competitions(self, query: Json, sent: Json) -> Any:
        mine = query.get("participating_in") is None or self.participant_status == "approved"
        return 200, [self._listed()] if mine else []

    def _phase(self, number: int, index: int, name: str, start: str, end: str | None, status: str) -> Json:
        used = [one for one in self.submissions.values() if one["phase"] == number and one["parent"] is None]
        used = [one for one in used if one["status"] != "Failed"]
        file = {"id": 1, "type": "starting_kit", "file_size": 100, "in_use": []}
        return {
            "id": number,
            "index": index,
            "start": start,
            "end": end,
            "name": name,
            "description": "",
            "status": status,
            "execution_time_limit": 600,
            "tasks": [
                {"task": "key", "order_index": 0, "phase": number, "key": "key", "value": "key", "solutions": []} | task
                for task in self.tasks
            ],
            "has_max_submissions": True,
            "max_submissions_per_day": self.per_day,
            "max_submissions_per_person": self.total,
            "auto_migrate_to_this_phase": False,
            "hide_output": self.hide_output,
            "hide_prediction_output": False,
            "hide_score_output": False,
            "public_data": file | {"key": self.data, "name": "public data"},
            "starting_kit": file | {"key": self.kit, "name": "starting kit"},
            "is_final_phase": False,
            "used_submissions_per_day": len(used),
            "used_submissions_per_person": len(used),
        }

    def _columns(self) -> list[Json]:
        rest = {"computation": None, "computation_indexes": None, "hidden": False, "precision": 2}
        return [
            {"id": 1, "title": "Accuracy", "key": "accuracy", "sorting": "desc", "index": 0} | rest,
            {"id": 2, "title": "Loss", "key": "loss", "sorting": "asc", "index": 1} | rest,
        ]

    def _competition(self, query: Json, sent: Json, number: int) -> Any:
        if number not in TITLES:
            raise Refused(404, {"detail": "No Competition matches the given query."})
        return 200, self._listed() | {
            "id": number,
            "title": TITLES[number],
            "terms": "Be fair.",
            "pages": [],
            "phases": [
                self._phase(PHASE, 0, "Development Phase", "2026-01-01T00:00:00Z", None, "Current"),
                self._phase(NEXT, 1, "Final Phase", "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "Next"),
            ],
            "leaderboards": [
                {
                    "id": 3,
                    "primary_index": 0,
                    "title": "Results",
                    "key": "main",
                    "columns": self._columns(),
                    "hidden": False,
                    "submission_rule": self.rule,
                }
            ],
            "collaborators": [],
            "participant_status": self.participant_status,
            "registration_auto_approve": False,
            "queue": None,
            "auto_run_submissions": True,
            "fact_sheet": None,
        }

    def _may(self, phase: int) -> tuple[bool, str | None]:
        used = self._phase(phase, 0, "", "", None, "")
        if used["used_submissions_per_day"] >= self.per_day:
            return False, "Reached maximum allowed submissions for today for this phase"
        if used["used_submissions_per_person"] >= self.total:
            return False, "Reached maximum allowed submissions for this phase"
        return True, None

    def _can(self, query: Json, sent: Json, phase: int) -> Any:
        can, reason = self._may(phase)
        if self.participant_status != "approved":
            can, reason = False, "User not approved to participate in this competition"
        return 200, {"can": can, "reason": reason}

    def _datasets(self, query: Json, sent: Json) -> Any:
        found = [one for one in self.datasets.values() if query.get("name") in (None, one["name"])]
        return 200, {"count": len(found), "next": None, "previous": None, "results": found[:10]}

    def _new_dataset(self, query: Json, sent: Json) -> Any:
        if not sent.get("file_size"):
            raise Refused(400, {"file_size": "This field is required."})
        if float(sent["file_size"]) > 15e9:
            raise Refused(400, {"data_file": ["Insufficient space. Your available space is 0.0 B."]})
        if not sent.get("request_sassy_file_name"):
            raise Refused(400, {"request_sassy_file_name": ["This field is required."]})
        if len(sent.get("file_name", "")) > 64:
            raise Refused(400, {"file_name": ["Ensure this field has no more than 64 characters."]})
        if sent.get("type") != "submission" or sent.get("competition") != COMPETITION:
            raise Refused(400, {"type": ["This field is required."]})
        if sent.get("name") in {one["name"] for one in self.datasets.values()}:
            problem = "You already have a dataset by this name, please delete that dataset or rename this one"
            raise Refused(400, {"non_field_errors": [problem]})
        number, key = len(self.datasets) + 500, str(uuid.uuid4())
        stem, _, suffix = sent["request_sassy_file_name"].rpartition(".")
        path = f"dataset/2026-01-01/{uuid.uuid4().hex[:12]}/{stem[:35]}.{suffix}"
        self.files[path] = b""
        self.datasets[number] = {"id": number, "key": key, "name": sent["name"], "path": path, "completed": False}
        return 201, {"key": key, "sassy_url": self._sign(path)}

    def _completed(self, query: Json, sent: Json, key: str) -> Any:
        data = self._data(key)
        data["completed"] = True
        return 200, {"key": key}

    def _delete(self, query: Json, sent: Json, number: int) -> Any:
        if number not in self.datasets:
            raise Refused(404, {"detail": "No Data matches the given query."})
        if any(one["data"]["id"] == number for one in self.submissions.values()):
            raise Refused(400, {"error": "Cannot delete submission: submission belongs to an existing competition."})
        del self.datasets[number]
        return 204, None

    def _new_submission(self, query: Json, sent: Json) -> Any:
        if self.participant_status != "approved":
            raise Refused(403, {"detail": "You do not have access to this competition to make a submission"})
        data, phase = self._data(sent["data"]), int(sent["phase"])
        if not self._may(phase)[0]:
            raise RuntimeError  # the model raises Python's own PermissionError, which Django answers with 500
        number = self._add(data, phase)
        if len(self.tasks) > 1:
            self.submissions[number]["has_children"] = True
            for task in self.tasks:
                self._add(data, phase, parent=number, task=task)
        one = self.submissions[number]
        return 201, {
            "id": number,
            "data": data["key"],
            "phase": phase,
            "status": one["status"],
            "status_details": None,
            "filename": one["filename"],
            "description": "",
            "md5": None,
            "fact_sheet_answers": None,
            "organization": None,
            "queue": None,
            "created_when": "2026-03-01 12:00",
            "scores": [],
        }

    def _add(self, data: Json, phase: int, parent: int | None = None, task: Json | None = None) -> int:
        number = len(self.submissions) + 9001
        now = datetime.now(UTC)
        self.submissions[number] = {
            "id": number,
            "pk": number,
            "data": data,
            "phase": phase,
            "phase_name": "Development Phase" if phase == PHASE else "Final Phase",
            "name": "",
            "filename": data["path"].rpartition("/")[2],
            "description": "",
            "created_when": now.isoformat(),
            "is_public": False,
            "is_specific_task_re_run": False,
            "status": "Submitting",
            "status_details": None,
            "owner": USER,
            "has_children": False,
            "parent": parent,
            "children": [],
            "scores": [],
            "fact_sheet_answers": None,
            "leaderboard": None,
            "task": task or (self.tasks[0] if len(self.tasks) == 1 else None),
            "auto_run": True,
            "can_make_submissions_public": True,
            "is_soft_deleted": False,
        }
        return number

    def _shown(self, one: Json) -> Json:
        runs = [run for run in self.submissions.values() if run["parent"] == one["id"]]
        on_board = bool(one["leaderboard"]) or any(run["leaderboard"] for run in runs)
        return {key: value for key, value in one.items() if key not in ("data", "step")} | {"on_leaderboard": on_board}

    def _list(self, query: Json, sent: Json) -> Any:
        found = [
            one
            for one in self.submissions.values()
            if query.get("phase", str(one["phase"])) == str(one["phase"])
            and query.get("phase__competition", str(COMPETITION)) == str(COMPETITION)
            and query.get("search", "") in one["data"]["path"]
        ]
        for one in found:
            self._step(one)
        return 200, [self._shown(one) for one in sorted(found, key=lambda one: -one["id"])]

    def _one(self, query: Json, sent: Json, number: int) -> Any:
        one = self._submission(number)
        self._step(one)
        return 200, self._shown(one)

    def _cancel(self, query: Json, sent: Json, number: int) -> Any:
        one = self._submission(number)
        over = one["status"] in ("Cancelled", "Failed", "Finished")
        if not over:
            one["status"] = "Cancelled"
        return 200, {"canceled": not over}

    def _details(self, query: Json, sent: Json, number: int) -> Any:
        self._submission(number)
        if self.hide_output:
            problem = "Cannot access submission details while phase marked to hide output."
            raise Refused(403, {"detail": problem})
        log = self._keep(b"Traceback: no column x\n")
        logs = [{"name": "prediction_ingestion_stderr", "data_file": self._sign(log)}]
        return 200, {"logs": logs, "data_file": "", "prediction_result": None, "leaderboards": []}

    def _rank(self, query: Json, sent: Json, number: int) -> Any:
        if self.rule.startswith("Force"):
            raise Refused(403, {"detail": "Users are not allowed to edit the leaderboard on this Competition"})
        self._submission(number)["leaderboard"] = 3
        return 200, {}

    def _board(self, query: Json, sent: Json, phase: int) -> Any:
        ranked = [one for one in self.submissions.values() if one["leaderboard"] and one["phase"] == phase]
        ranked.sort(key=lambda one: -float(one["scores"][0]["score"]))
        rows: dict[int, Json] = {}
        for one in ranked:
            row = rows.setdefault(
                one["parent"] or one["id"],
                {
                    "id": one["id"],
                    "owner": self.display_name or one["owner"],
                    "scores": [],
                    "detailed_results": [],
                    "fact_sheet_answers": None,
                    "slug_url": "/profiles/user/ada/",
                    "organization": None,
                    "created_when": one["created_when"],
                },
            )
            for score in one["scores"]:
                short = str(round(float(score["score"]), 2))
                row["scores"].append(score | {"score": short, "task_id": one["task"]["id"]})
        other = {
            "id": 4,
            "owner": "grace",
            "scores": [
                {"id": 1, "index": 0, "score": "0.95", "column_key": "accuracy", "task_id": self.tasks[0]["id"]},
                {"id": 2, "index": 1, "score": "0.1", "column_key": "loss", "task_id": self.tasks[0]["id"]},
            ],
            "detailed_results": [],
            "fact_sheet_answers": None,
            "slug_url": "/profiles/user/grace/",
            "organization": None,
            "created_when": "2026-02-01T00:00:00Z",
        }
        tasks = [task | {"colWidth": 2, "columns": self._columns()} for task in self.tasks]
        return 200, {
            "title": "Results",
            "id": phase,
            "submissions": [other, *rows.values()],
            "tasks": tasks,
            "fact_sheet_keys": None,
            "primary_index": 0,
        }

    def _data(self, key: str) -> Json:
        for one in self.datasets.values():
            if one["key"] == key:
                return one
        raise Refused(404, {"detail": "Not found."})

    def _submission(self, number: int) -> Json:
        if number not in self.submissions:
            raise Refused(404, {"detail": "No Submission matches the given query."})
        return self.submissions[number]

    # -- the storage ---------------------------------------------------------------------------------------------

    def _store(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Any:
        with self._lock:
            name, signature = path.removeprefix("/bucket/"), query.get("X-Amz-Signature", "")
            # An authorization beside a signature is refused, and so is another type than the one that was signed.
            wrong_type = method == "PUT" and headers.get("content-type") != "application/zip"
            if signature not in self.signed or "authorization" in headers or wrong_type:
                raise Refused(403, b"<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code></Error>")
            if method == "PUT":
                self.files[name] = body
                return 200, b""
            return 200, self.files[name]

    def _keep(self, content: bytes) -> str:
        key = str(uuid.uuid4())
        self.files[key] = content
        return key

    def _sign(self, path: str) -> str:
        self.signed.add(signature := uuid.uuid4().hex)
        expires = int(timedelta(days=5).total_seconds())
        there = f"http://127.0.0.1:{self.storage.server_port}/bucket/{path}"
        return f"{there}?X-Amz-Expires={expires}&X-Amz-Signature={signature}"


def _serve(work: Callable[..., Any], world: CodabenchServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = next((one for one in world.faults if one.method == self.command and one.path in self.path), None)
            if fault:
                world.faults.remove(fault)
            length = int(headers.get("content-length", 0))
            if fault and fault.after == "cut":  # in the middle of an upload
                self.rfile.read(length // 2)
                world.heard.append((self.command, self.path, headers))
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(length)
            world.heard.append((self.command, self.path, headers))
            if fault and fault.status:
                self._answer(fault.status, {"detail": "Invalid token."} if fault.status in (401, 403) else b"<html>")
                return
            try:
                status, found = work(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            except Refused as refused:
                status, found = refused.status, refused.body
            except RuntimeError:
                status, found = 500, b"<h1>Server Error (500)</h1>"
            if fault:
                fault.reached.set()
                if fault.hold:
                    fault.hold.wait(60)
                if fault.after == "500":
                    status, found = 500, b"<h1>Server Error (500)</h1>"
                elif fault.after in ("drop", "half"):
                    self._answer(status, found, half=True, silent=fault.after == "drop")
                    return
            self._answer(status, found)

        do_POST = do_PUT = do_DELETE = do_GET

        def _answer(self, status: int, found: Any, *, half: bool = False, silent: bool = False) -> None:
            raw = found if isinstance(found, bytes) else b"" if status in (204, 302) else json.dumps(found).encode()
            try:
                if not silent:
                    self.send_response(status)
                    if status == 302:
                        self.send_header("Location", found)
                    kind = "text/html" if isinstance(found, bytes) else "application/json"
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw[: len(raw) // 2] if half else raw)
                    self.wfile.flush()
                if half:
                    self.close_connection = True
                    self.connection.close()
            except OSError:  # who asked is gone
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="codabench", daemon=True).start()
    return server


def _plain(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def main() -> None:
    """Serve until the input ends, for who wants to look at it: a submission goes on by itself."""
    import sys

    server = CodabenchServer()
    server.moves = True
    sys.stdout.write(f"{server.competition}  user {USER}  password {PASSWORD}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""One machine, one role.

A blind run could speak to a rehearsal beside it through CPU load, memory or the page cache, and the rehearsal's
log would carry it out (``benchmarks/side_channel.py`` measures how much). So a runner marks its machine, and does not
start where the other role has worked. In a demonstration both may; then they take turns, and the page cache is
dropped between them. That narrows the channel; it is no arrangement for real data.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from participant_kit.challenge.folder import CARD, PRIVATE
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.errors import SecureSideError

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def claim_machine(role: Role, challenge: Path, *, demonstration: bool = False) -> None:
    """Mark this machine as one of ``role``, whose runner works in the folder ``challenge``.

    Raises :class:`SecureSideError` where the other role has worked, of whatever user, or where a rehearsal could
    read private tables; in a ``demonstration`` neither is refused.
    """
    advice = "Use another machine; --demonstration allows it where the data is not private."
    if not demonstration and role == Role.REHEARSAL and (found := private_data_near(challenge)):
        raise SecureSideError(
            f"A rehearsal's whole log leaves, and this one could read the private tables in {found}.", hint=advice
        )
    mark = _file(role.value)
    new = not mark.exists()
    mark.touch()
    others = [other for other in shared_roles() if other != role.value]
    if others and not demonstration:
        if new:
            mark.unlink(missing_ok=True)
        raise SecureSideError(
            f"A {others[0]} runner has worked on this machine, so a {role.value} runner may not: through load and "
            f"caches a blind run can speak to a rehearsal, whose log leaves.",
            hint=f"{advice} The mark of who worked here is {_file(others[0], '*')}.",
        )


def private_data_near(folder: Path) -> Path | None:
    """Private tables that this user can read: of a challenge in ``folder``, around it, or beside it."""
    for challenge in (folder, *folder.parents, *_beside(folder)):
        if os.access(challenge / CARD, os.R_OK) and os.access(challenge / PRIVATE, os.R_OK):
            return challenge / PRIVATE
    return None


def _beside(folder: Path) -> list[Path]:
    try:
        return list(folder.parent.iterdir())
    except OSError:  # not ours to look into
        return []


@contextlib.contextmanager
def turn_of(role: Role, given_up: threading.Event | None = None) -> Iterator[bool]:
    """A part in the turn of ``role``: its jobs work at once, and none while a job of the other role does.

    The one who begins holds the door while it waits for the other role's jobs to end, so that no new ones go in before
    it. Between two roles' turns the page cache is dropped. False, and no part, once ``given_up`` is set.
    """
    given_up = given_up or threading.Event()
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as door:
        entered = _lock(door, "door", given_up) and all(
            _lock(door, f"turn-{other.value}", given_up) for other in Role if other != role
        )
        if entered:
            _lock(stack, f"turn-{role.value}", given_up, shared=True)
            last = _file("turn")
            if last.exists() and last.read_text() != role.value:
                drop_page_cache()
            last.write_text(role.value)
        door.close()
        yield entered


def _lock(stack: contextlib.ExitStack, name: str, given_up: threading.Event, *, shared: bool = False) -> bool:
    """Lock the file ``name`` until ``stack`` ends; the kernel lets go of it when this process is killed."""
    import fcntl  # not on Windows, where `pkit runner` says so itself

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    file = stack.enter_context(os.fdopen(os.open(_file(name), os.O_RDWR | os.O_CREAT, 0o600)))
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        if given_up.wait(0.02):
            return False


def drop_page_cache() -> bool:
    """Drop what can be dropped of the page cache; only root may. Returns whether it was done."""
    os.sync()
    try:
        _DROP_CACHES.write_text("1")
    except OSError:
        return False
    return True


def shared_roles() -> list[str]:
    """The roles whose runners were started on this machine, by any user, since its temporary files were cleared."""
    return sorted(role.value for role in Role if any(_file("").parent.glob(_file(role.value, "*").name)))


def _file(kind: str, user: int | str | None = None) -> Path:
    return Path(tempfile.gettempdir()) / f"participant-kit-{os.getuid() if user is None else user}.{kind}"

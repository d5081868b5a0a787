"""The participant's way to a gateway: ``Client(...).submit(path).wait().scores``."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant import records
from participant_kit.participant.credentials import default_gateway, identity, kept_name, load_token
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kernel import create_kernel
from participant_kit.participant.kit import Tell, find_kit, join_kit, read_link, signing_keys
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.participant.records import Record
from participant_kit.participant.submission import Submission
from participant_kit.participant.submissions import Submissions, list_submissions
from participant_kit.participant.trust import check_kit, known, trusted_ring
from participant_kit.protocol import messages
from participant_kit.protocol.address import gateway_address
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.identifiers import is_identifier, new_identifier
from participant_kit.protocol.messages import (
    Account,
    ChallengeInfo,
    Changes,
    Quota,
    ServerInfo,
    SubmissionStatus,
)
from participant_kit.protocol.sealing import Binding, seal_notebook

if TYPE_CHECKING:
    from participant_kit.participant.prepare import Prepared


class Client:
    """One gateway, as one participant.

    Without ``gateway``: ``PKIT_GATEWAY``, else the one that the kit around the current folder came from, else
    the one last logged in to. Without ``token``: the one that ``pkit login`` kept. A request that gets no
    answer is tried ``retries`` times more. Every method raises a
    :class:`~participant_kit.challenge.errors.KitError`: :class:`ParticipantError` for what is wrong here,
    :class:`GatewayError`, with the gateway's own code and words, for what it refused.
    """

    def __init__(self, gateway: str | None = None, token: str | None = None, *, retries: int = 4) -> None:
        address = gateway_address(gateway) if gateway else _gateway_here()
        self._token = token if token is not None else load_token(address)
        self._connection = Connection(address, self._token, retries=retries)

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return self._connection.gateway

    @property
    def connection(self) -> Connection:
        """What its requests go over."""
        return self._connection

    def server(self) -> ServerInfo:
        """What is at the address; an error unless it is a gateway."""
        return self._connection.get("/", ServerInfo)

    def me(self) -> Account:
        """Who the token belongs to."""
        self._connection.require_token()
        return self._connection.get("/me", Account)

    def challenges(self) -> list[ChallengeInfo]:
        """Every challenge that the gateway offers."""
        return self._connection.get("/challenges", list[ChallengeInfo])

    def challenge(self, slug: str) -> ChallengeInfo:
        """One challenge. Its keys are the gateway's word; trust those of the kit."""
        return self._connection.get(f"/challenges/{slug}", ChallengeInfo)

    def join(
        self,
        slug: str,
        folder: Path | str | None = None,
        checksum: str | None = None,
        progress: Tell | None = None,
        *,
        kernel: bool = True,
    ) -> ChallengeFolder:
        """Fetch the starter kit of ``slug`` into ``folder`` (``./<slug>`` if left out), and make its kernel.

        ``checksum`` is the kit's SHA-256 (hex) from the organizer; ``progress`` is told what is being done.
        """
        kit = join_kit(self._connection, slug, Path(folder or slug), checksum=checksum, tell=progress)
        if kernel:
            create_kernel(kit, tell=progress)
        return kit

    def submit(
        self,
        path: Path | str,
        *,
        challenge: str | Path | None = None,
        phase: str | None = None,
        name: str = "",
        note: str = "",
    ) -> Submission:
        """Prepare, seal and send the notebook at ``path``.

        ``challenge`` is a slug or a kit's folder (the kit around the notebook if left out), ``phase`` the one
        that is open if left out. ``name`` and ``note`` are for yourself, and stay on this machine. It is written
        down before it is sent: when no answer comes, calling this again for the same notebook continues the
        same submission.
        """
        path = Path(path).absolute()
        kit = find_kit(path.parent, challenge, self.gateway if challenge else None)
        return self._submit(path, path, kit, phase, name, note)

    def submit_again(self, identifier: str) -> Submission:
        """Send the notebook of an earlier submission from this machine once more, to the phase that is open.

        Raises :class:`ParticipantError` when it was not submitted from here.
        """
        record, kept = records.sent_from_here(identifier)
        kit = find_kit(record.kit, record.challenge, self.gateway)
        return self._submit(kept, record.path, kit, None, record.name, record.note)

    def _submit(
        self, content: Path, path: Path, kit: ChallengeFolder, phase: str | None, name: str, note: str
    ) -> Submission:
        """Send what is in ``content``, as the notebook at ``path``."""
        self._connection.require_token()
        from participant_kit.participant.prepare import prepare_notebook  # nbformat takes a second to load

        prepared = prepare_notebook(content, kit.card.submission.max_notebook)
        info = self.challenge(kit.card.slug)
        self.check_kit(kit, info)
        new = Record(
            id=new_identifier(),
            gateway=self.gateway,
            challenge=kit.card.slug,
            phase=_phase(kit, info, phase),
            participant=kept_name(self.gateway, self._token) or self.me().name,
            kit=kit.root,
            path=path,
            notebook_sha256=prepared.sha256,
            card_sha256=hashlib.sha256(kit.card_path.read_bytes()).hexdigest(),
            recipients=trusted_ring(kit, self.gateway, kit.card.slug).recipients,
            signing_keys=signing_keys(kit),
            created_at=datetime.now(UTC),
            name=name,
            note=note,
        )
        record, sealed = records.find_unanswered(new) or (new, self._seal(new, prepared))
        return Submission(self._connection, self._send(record, sealed))

    def submission(self, identifier: str) -> Submission:
        """The submission ``identifier``; of your own, the end or the beginning is enough if unique."""
        self._connection.require_token()
        if not is_identifier(identifier):
            found = [own for own in self.submissions() if own.id.startswith(identifier) or own.id.endswith(identifier)]
            if len(found) != 1:
                raise ParticipantError(
                    f"{len(found) or 'None'} of your submissions match {identifier!r}.",
                    hint="Give more of the identifier. See them all with: pkit status",
                    code="unknown_submission",
                )
            return found[0]
        return Submission(self._connection, self._connection.get(f"/submissions/{identifier}", SubmissionStatus))

    def submissions(self, challenge: str | None = None) -> Submissions:
        """Your own submissions (to ``challenge``), as the gateway lists them."""
        self._connection.require_token()
        return list_submissions(self._connection, challenge)

    def changes(self, challenge: str, after: int = 0, tag: str = "", *, wait: float = 0) -> Changes:
        """What changed in ``challenge`` since the answer that had ``after`` and ``tag``, within ``wait`` seconds."""
        self._connection.require_token()
        return self._connection.get(f"/challenges/{challenge}/changes", Changes, after=after, tag=tag, wait=wait)

    def leaderboard(
        self, challenge: str, phase: str | None = None, *, offset: int | None = None, limit: int | None = None
    ) -> Leaderboard:
        """The leaderboard of ``phase`` (the gateway's choice if left out); fetched again only if it changed.

        It has the best hundred, and your own row; ``limit`` asks for more, up to 1000, and ``offset`` passes some over.
        """
        path = f"/challenges/{challenge}/leaderboard"
        board = self._connection.get(path, messages.Leaderboard, phase=phase, offset=offset, limit=limit)
        return Leaderboard.of(board, self, {"offset": offset, "limit": limit})

    def quota(self, challenge: str, phase: str | None = None) -> Quota:
        """What you have used of ``phase``."""
        self._connection.require_token()
        return self._connection.get(f"/challenges/{challenge}/quota", Quota, phase=phase)

    def cancel(self, identifier: str) -> Submission:
        """Take a submission back."""
        return self.submission(identifier).cancel()

    def check_kit(self, kit: ChallengeFolder, info: ChallengeInfo) -> None:
        """Raise :class:`ParticipantError` when ``kit`` is from elsewhere, or not what ``info`` announces."""
        link = read_link(kit)
        again = f"Get the present one with: pkit join {self.gateway}/{kit.card.slug} --folder {kit.root}"
        if link and link.gateway != self.gateway:
            raise ParticipantError(
                f"The kit in {kit.root} is from {link.gateway}, not from {self.gateway}.",
                hint=f"Use that gateway, or get another kit with: pkit join {self.gateway}/{kit.card.slug}",
                code="other_gateway",
            )
        if link and link.kit_sha256 != info.kit_sha256:
            if before := known(self.gateway, kit.card.slug):
                check_kit(before, info.kit_sha256)
            raise ParticipantError(
                f"The organizer has published a new kit of {kit.card.slug}.", hint=again, code="old_kit"
            )

    def _seal(self, record: Record, prepared: Prepared) -> bytes:
        _, reply_to = identity(self.gateway)
        binding = Binding(
            challenge=record.challenge,
            phase=record.phase,
            participant=record.participant,
            submission=record.id,
            reply_to=reply_to,
            card_sha256=record.card_sha256,
        )
        sealed = seal_notebook(prepared.notebook, binding, record.recipients)
        records.keep(record, prepared.notebook, sealed)
        return sealed

    def _send(self, record: Record, sealed: bytes) -> SubmissionStatus:
        path = f"/challenges/{record.challenge}/submissions/{record.id}"
        try:
            status = self._connection.put(path, sealed, SubmissionStatus, phase=record.phase)
        except GatewayError as error:
            if error.is_refusal:
                records.forget(record)
                raise
            raise GatewayError(
                f"{error.message} Whether the notebook arrived is not known.",
                hint=f"{error.hint} The same notebook sent again continues this submission: it counts once.",
                code=error.code,
                status=error.status,
            ) from None
        records.mark_answered(record)
        return status


def _phase(kit: ChallengeFolder, info: ChallengeInfo, named: str | None) -> str:
    """The phase ``named``, else the one that is open. Raises :class:`ParticipantError` when there is none."""
    if named and kit.card.phase(named) is None:
        known = ", ".join(phase.name for phase in kit.card.phases)
        raise ParticipantError(
            f"{kit.card.slug} has no phase {named!r}.", hint=f"Known: {known}.", code="phase_unknown"
        )
    if phase := named or info.open_phase:
        return phase
    coming = [phase for phase in kit.card.phases if phase.starts > info.now]
    nearest = min(coming, key=lambda phase: phase.starts, default=None)
    hint = f"{nearest.name} opens at {nearest.starts:%Y-%m-%d %H:%M} UTC." if nearest else "All phases are over."
    raise ParticipantError(f"No phase of {kit.card.slug} is open.", hint=hint, code="phase_closed")


def _gateway_here() -> str:
    """``PKIT_GATEWAY``, else the gateway of the kit around the current folder, else the default one."""
    if not os.environ.get("PKIT_GATEWAY"):
        try:
            if link := read_link(find_kit(Path.cwd())):
                return link.gateway
        except ParticipantError:
            return default_gateway()
    return default_gateway()

"""Publishing a challenge on a gateway, and letting people and runners in."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.kit import KitBuild, build_kit
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.messages import ChallengeInfo, NewAccount, NewToken


def publish_challenge(
    folder: ChallengeFolder,
    gateway: str,
    token: str,
    *,
    parity: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[KitBuild, ChallengeInfo]:
    """Build the kit of ``folder`` and register the challenge on ``gateway``, anew if it is there already.

    ``parity`` and ``tell`` are those of :func:`~participant_kit.organizer.kit.build_kit`.

    Raises what :func:`~participant_kit.organizer.kit.build_kit` raises, and
    :class:`~participant_kit.protocol.errors.GatewayError`.
    """
    connection = Connection(gateway, token)
    build = build_kit(folder, parity=parity, tell=tell)
    info = connection.put(f"/challenges/{folder.card.slug}", build.zip.read_bytes(), ChallengeInfo)
    if info.kit_sha256 != build.digest:
        raise OrganizerError(
            f"The gateway {connection.gateway} has stored another kit than the one that was sent.",
            hint="Tell whoever runs the gateway, and publish again.",
        )
    return build, info


def invite(gateway: str, token: str, name: str, role: str = "participant", valid_days: int | None = 365) -> NewToken:
    """Make an account ``name`` of ``role`` on ``gateway``; its token is shown this once.

    ``role`` is participant, organizer, runner or rehearsal. Raises :class:`OrganizerError` for a name or role
    that cannot be, and :class:`~participant_kit.protocol.errors.GatewayError`.
    """
    try:
        account = NewAccount.model_validate({"name": name, "role": role, "valid_days": valid_days})
    except ValidationError as error:
        said = "; ".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors())
        raise OrganizerError(f"No account was made: {said}.", hint="See: pkit challenge invite --help") from None
    return Connection(gateway, token).post("/accounts", NewToken, account)

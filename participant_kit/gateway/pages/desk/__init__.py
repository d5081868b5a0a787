"""The organizer's desk: pages for those who run a challenge, with an act in the audit log for whatever they do.

Every module is one page with its forms. To who is no organizer, none of them is there.
"""

from __future__ import annotations

from participant_kit.gateway.pages.desk import (
    announcements,
    challenges,
    export,
    invitations,
    overview,
    people,
    runners,
    submissions,
    teams,
)

ROUTERS = (
    overview.router,
    people.router,
    teams.router,
    invitations.router,
    submissions.router,
    runners.router,
    challenges.router,
    announcements.router,
    export.router,
)

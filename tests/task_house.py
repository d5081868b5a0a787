"""The whole house in real processes, around a challenge with two tasks."""

from __future__ import annotations

from house import House
from task_challenge import write_tasks

from participant_kit.challenge.folder import ChallengeFolder


class TaskHouse(House):
    """A gateway, runners and a participant's client, and the small challenge with tasks."""

    def make_challenge(self, quota: int, release: str) -> ChallengeFolder:
        return write_tasks(self.root / "small-tasks")

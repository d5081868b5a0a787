"""The leaderboard as it shows itself."""

from __future__ import annotations

from typing import Any

import pytest
from small_gateway import SLUG, TOKEN, SmallGateway

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant import Client
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.protocol import messages


@pytest.fixture
def board(gateway: SmallGateway, kit: ChallengeFolder) -> Leaderboard:
    return Client(gateway.address, TOKEN).leaderboard(SLUG)


def test_it_is_the_gateways_message_and_nothing_is_added_to_it(board: Leaderboard) -> None:
    assert (board.primary, board.rows[0].participant, board.hidden) == ("roc_auc_score", "bob", False)
    assert board.model_dump().keys() == messages.Leaderboard.model_fields.keys()


def test_ones_own_row_is_marked_wherever_it_is_shown(board: Leaderboard) -> None:
    assert "ada (you)" in repr(board)
    assert "bob (you)" not in repr(board)
    assert '<tr class="own" aria-current="true">' in board._repr_html_()
    assert board.to_frame()[["participant", "own"]].values.tolist() == [["bob", False], ["ada", True]]


def test_whoever_looks_without_a_token_sees_it_too(gateway: SmallGateway, kit: ChallengeFolder) -> None:
    board = Client(gateway.address).leaderboard(SLUG)
    assert board.own is None
    assert "bob" in board._repr_html_()
    assert "(you)" not in board._repr_html_() + repr(board)


def test_text_is_plain_text(board: Leaderboard) -> None:
    assert str(board) == repr(board)
    assert "\x1b" not in str(board)
    assert "0.9" in str(board)


def test_a_frame_has_a_column_for_each_metric(board: Leaderboard) -> None:
    frame = board.to_frame()
    assert list(frame.columns) == ["rank", "participant", "roc_auc_score", "submissions", "submitted", "own"]
    assert frame["roc_auc_score"].tolist() == [0.9, 0.8]
    assert board.model_copy(update={"rows": []}).to_frame().empty


def test_a_hidden_board_says_so(board: Leaderboard) -> None:
    hidden = board.model_copy(update={"hidden": True, "rows": []})
    assert "hidden until the phase is over" in hidden._repr_html_()
    assert "hidden until the phase is over" in repr(hidden)


def test_the_widget_fetches_the_board_again_and_says_when_it_cannot(board: Leaderboard, gateway: SmallGateway) -> None:
    button, table = board.widget().children
    assert "0.9" in table.value
    asked = len(gateway.requests)
    button.click()
    assert len(gateway.requests) > asked

    def be_broken(handler: Any) -> bool:
        handler.close_connection = True
        return True

    gateway.before = be_broken
    button.click()
    assert "ada (you)" in table.value
    assert "gateway" in table.value

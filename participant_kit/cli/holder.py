"""``pkit holder``: for who is answerable for the real data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from participant_kit.cli import console
from participant_kit.protocol.keys import Role

if TYPE_CHECKING:
    from participant_kit.secure_side.egress import EgressLine

app = typer.Typer(name="holder", help="Keys, and what has left the secure side.", no_args_is_help=True)

State = Annotated[Path, typer.Option(help="The runner's state folder.")]


@app.command()
def keys(
    file: Annotated[Path, typer.Argument(help="New file for the secret keys; it stays on the runner's machine.")],
    challenge: Annotated[Path, typer.Option(help="Challenge folder whose keys.json gets the public half.")],
    role: Annotated[Role, typer.Option(help="The runner that will use them.")] = Role.BLIND,
    json: console.Json = False,
) -> None:
    """Make a runner's keys; notebooks are sealed to them, and receipts signed with them.

    Example: pkit holder keys /secure/blind.key --challenge ./heart
    """
    from participant_kit.secure_side.keys import make_keys

    public = make_keys(file, challenge, role)
    console.emit(
        public, f"Secret keys in {file}; public keys of the {role.value} runner added to {challenge / 'keys.json'}."
    )


@app.command()
def egress(state: State, json: console.Json = False) -> None:
    """Every message that has left, field by field with its bits; the chain is verified.

    Example: pkit holder egress --state /secure/state
    """
    lines = _read(state)
    table = Table("what left", "value", "bits", title="Egress log, chain verified")
    for line in lines:
        who = f"{line.sequence}  {line.time:%Y-%m-%d %H:%M:%S} UTC  {line.participant}, {line.phase}\n{line.submission}"
        table.add_row(Text(who, style="bold"), "", Text(f"{line.bits:.2f}", style="bold"))
        for field in line.fields:
            table.add_row(f"  {field.name}", Text(str(field.value)), f"{field.bits:.2f}")
        table.add_section()
    console.emit([line.model_dump(mode="json") for line in lines], table)


@app.command()
def ledger(state: State, json: console.Json = False) -> None:
    """Bits that have left about the data, summed by challenge, phase and participant.

    Example: pkit holder ledger --state /secure/state
    """
    from collections import defaultdict

    sums: dict[tuple[str, str, str], float] = defaultdict(float)
    for line in _read(state):
        sums[line.challenge, line.phase, line.participant] += line.bits
    table = Table("challenge", "phase", "participant", "bits")
    for key, bits in sorted(sums.items()):
        table.add_row(*key, f"{bits:.2f}")
    rows = [
        {"challenge": c, "phase": p, "participant": who, "bits": bits} for (c, p, who), bits in sorted(sums.items())
    ]
    console.emit(rows, table)


def _read(state: Path) -> list[EgressLine]:
    from participant_kit.secure_side.egress import read_egress
    from participant_kit.secure_side.errors import SecureSideError

    path = state / "egress.jsonl"
    if not path.exists():
        raise SecureSideError(f"There is no egress log at {path}.", hint="Name the folder of the runner's --state.")
    return read_egress(path)

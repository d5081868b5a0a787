"""The organizer's own program as a synthesizer."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from participant_kit.challenge.folder import TABLES, ChallengeFolder
from participant_kit.challenge.table import read_table
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.base import Guarantee, Request, Sample
from participant_kit.organizer.synthesize.schema import ROWS, TEST_ROWS


class ProgramSynthesizer:
    """Runs ``PROGRAM TRAIN CODEBOOK OUTPUT ROWS TEST_ROWS``, which writes the two tables into the folder ``OUTPUT``.

    ``TRAIN`` is the private training table (Parquet), ``CODEBOOK`` the codebook (YAML). Nothing is promised of what
    comes out, and whoever sees the sample is told so.
    """

    name = "program"

    def synthesize(self, folder: ChallengeFolder, request: Request) -> Sample:
        """See :class:`~participant_kit.organizer.synthesize.base.Synthesizer`."""
        if not request.program:
            raise OrganizerError("The mode program needs one to run.", hint="Give it with --program COMMAND.")
        train = folder.private_dir(folder.card.phases[0].name) / "train.parquet"
        sizes = (str(request.rows or ROWS), str(request.test_rows or TEST_ROWS))
        with tempfile.TemporaryDirectory(prefix=".program-", dir=folder.root) as output:
            command = (*request.program, str(train.resolve()), str(folder.codebook_path.resolve()), output, *sizes)
            try:
                ended = subprocess.run(command, check=False)
            except OSError as error:
                raise OrganizerError(
                    f"{request.program[0]} cannot be started: {error.strerror}.", hint="Check --program."
                ) from None
            if ended.returncode:
                raise OrganizerError(
                    f"{request.program[0]} ended with exit code {ended.returncode}.", hint="What it said is above."
                )
            absent = [name for name in TABLES if not Path(output, f"{name}.parquet").is_file()]
            if absent:
                raise OrganizerError(
                    f"{request.program[0]} wrote no {' and no '.join(f'{name}.parquet' for name in absent)}.",
                    hint="It is to write train.parquet and test.parquet into the folder that is its third argument.",
                )
            tables = {name: read_table(Path(output, f"{name}.parquet")) for name in TABLES}
        guarantee = Guarantee(
            mode=self.name,
            looks_at_data=True,
            statement="Made by the organizer's own program. Nothing is guaranteed: real values may have been copied.",
            mechanism=Path(request.program[0]).name,
        )
        return Sample(tables, guarantee)

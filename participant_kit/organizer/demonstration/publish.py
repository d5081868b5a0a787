"""``python -m``: makes the demonstration's published sample anew, in the folder that is named."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from participant_kit.challenge.folder import GUARANTEE, REPORT, TABLES
from participant_kit.organizer.demonstration.prepare import prepare_demonstration
from participant_kit.organizer.report import write_published_report
from participant_kit.organizer.synthesize import read_guarantee


def publish_sample(target: Path) -> None:
    """Write the tables, the guarantee and the report of a new private sample into ``target``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = prepare_demonstration(Path(temporary, "nhanes-diabetes"))
        if guarantee := read_guarantee(folder):
            write_published_report(folder, guarantee)
        for name in (*(f"{table}.parquet" for table in TABLES), GUARANTEE, f"{REPORT}.html", f"{REPORT}.json"):
            shutil.copyfile(folder.sample_dir / name, target / name)


if __name__ == "__main__":
    publish_sample(Path(sys.argv[1]))

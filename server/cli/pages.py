"""Writing a report's page to where the user wants it."""

from pathlib import Path

from server.cli.failures import CommandError, ExitCode


def write_page(path: Path, page: str) -> Path:
    """Write a page, making its folder, and return where it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"The plots cannot be written to {path}: {error.strerror}",
            "Name a folder that can be written to with --plots",
            ExitCode.FAILED,
        ) from error
    return path

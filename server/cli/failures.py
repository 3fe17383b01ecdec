"""How commands fail: one line that says what happened and what to do, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from starling_client import StarlingError

ERROR_PREFIX = "starling: "


class ExitCode(IntEnum):
    """What the shell sees; listed in the command-line reference."""

    FAILED = 1
    USAGE = 2
    NO_FILE = 3
    NOT_AUDIO = 4
    UNREACHABLE = 5
    CONNECTION_LOST = 6
    UNAUTHORISED = 7
    MODEL_UNKNOWN = 8
    SERVER_DID_NOT_START = 9
    MISSING_EXTRA = 10
    INTERRUPTED = 130


_EXIT_CODES = {
    "unreachable": ExitCode.UNREACHABLE,
    "bad_address": ExitCode.USAGE,
    "connection_lost": ExitCode.CONNECTION_LOST,
    "unauthenticated": ExitCode.UNAUTHORISED,
    "model_not_available": ExitCode.MODEL_UNKNOWN,
    "invalid_options": ExitCode.USAGE,
    "unsupported_audio": ExitCode.NOT_AUDIO,
}


class CommandError(Exception):
    """A command cannot go on: `message` says why, `hint` what the user should do next."""

    def __init__(self, message: str, hint: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn what a command raises into one line on stderr and its exit code."""
    try:
        yield
    except CommandError as failure:
        _tell(failure.message, failure.hint)
        raise typer.Exit(failure.exit_code) from None
    except StarlingError as error:
        _tell(error.message, _hint(error))
        raise typer.Exit(_EXIT_CODES.get(error.code, ExitCode.FAILED)) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def sentence(text: str) -> str:
    """Begin with a capital, unless that would change a name, and end with a full stop."""
    text = text.strip()
    if not text:
        return ""
    if text.split()[0].isalpha():
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text}."


def _hint(error: StarlingError) -> str:
    if error.code == "unauthenticated":
        return "Give a key the server knows with --api-key or STARLING_API_KEY"
    if error.code == "connection_lost":
        return "Check that the server still runs, and run the command again"
    return error.hint


def _tell(message: str, hint: str) -> None:
    typer.echo(f"{ERROR_PREFIX}{sentence(message)} {sentence(hint)}".rstrip(), err=True)

"""Session options to plain values and back, for what outlives a process."""

from dataclasses import asdict
from typing import Any

from streaming.options import AudioFormat, ChannelMode, Encoding, SessionOptions, Task


def options_to_record(options: SessionOptions) -> dict[str, Any]:
    """Return the options as values that JSON knows."""
    return asdict(options)


def options_from_record(record: dict[str, Any]) -> SessionOptions:
    """Return the options of such values.

    Raises:
        KeyError, TypeError, ValueError: They are not of this version.
    """
    audio = record["audio"]
    return SessionOptions(
        **record
        | {
            "audio": AudioFormat(
                **audio
                | {
                    "encoding": Encoding(audio["encoding"]),
                    "channel_mode": ChannelMode(audio["channel_mode"]),
                }
            ),
            "task": Task(record["task"]),
            "keyterms": tuple(record["keyterms"]),
            "silence_marks_ms": tuple(record["silence_marks_ms"]),
        }
    )

"""The real server, held at one rung of its overload ladder.

`python -m tests.benchmarks.held_server --rung stretched --stretch 6 -- --model base --port 9000`
takes the settings of `starling serve` after `--`. For what leaving something out does to words:
`starling eval MANIFEST --url ADDRESS` against it, with recordings joined by `loadtest.joined`,
tells what a busy server writes, at leisure.
"""

import argparse

from server import overload
from server.cli.main import app
from streaming.decode_desk import DecodeDesk
from streaming.overload import Load, Rung


class HeldLadder:
    """Takes no notice of any wait."""

    load = Load()

    def observe(self, *_: float) -> Load:
        return self.load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rungs = [rung.name.lower() for rung in Rung]
    parser.add_argument("--rung", choices=rungs, default="normal")
    parser.add_argument("--stretch", type=float, default=1.0)
    parser.add_argument("--no-context", action="store_true", help="decode finals alone")
    parser.add_argument("settings", nargs="*", help="those of starling serve, after --")
    arguments = parser.parse_args()
    HeldLadder.load = Load(Rung[arguments.rung.upper()], arguments.stretch)
    overload.OverloadLadder = HeldLadder
    if arguments.no_context:
        DecodeDesk._has_context = property(lambda _: False)
    app(["serve", *arguments.settings], prog_name="starling")


if __name__ == "__main__":
    main()

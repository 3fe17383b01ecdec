"""`starling serve` with the scripted engine and speech model: a whole server without weights."""

import os
import sys
from collections import deque

from server.app import Models, build_factory
from server.cli.serve import _bind, _listen
from server.logs import configure_logs
from server.settings import load_settings
from tests.support.scripted_engine import ScriptedEngine, ScriptedVad


def main(port: int) -> None:
    settings = load_settings({"port": port}, None, os.environ)
    configure_logs(settings.log_level, settings.log_format)
    bound = _bind(settings.host, settings.port, "PORT; 0")
    engine = ScriptedEngine()
    engine.batches = deque(maxlen=1)  # what it decoded is nobody's business here
    models = Models(engine, ScriptedVad(), num_workers=1, max_batch=16)
    _listen(settings, bound, build_factory(settings, models), "json")


if __name__ == "__main__":
    main(int(sys.argv[1]))

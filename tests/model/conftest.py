"""One running server and one engine of each model for all tests that need no settings."""

from collections.abc import Iterator

import pytest

from server.engine.whisper import WhisperEngine
from tests.support.real_engine import engine
from tests.support.running_server import RunningServer, running_server


@pytest.fixture(scope="session")
def tiny_server() -> Iterator[RunningServer]:
    with running_server("tiny.en") as server:
        yield server


@pytest.fixture(scope="session")
def tiny() -> WhisperEngine:
    return engine("tiny.en")


@pytest.fixture(scope="session")
def base() -> WhisperEngine:
    return engine("base")

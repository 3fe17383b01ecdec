"""One running server with real weights for all tests that need no settings of their own."""

from collections.abc import Iterator

import pytest

from tests.support.running_server import RunningServer, running_server


@pytest.fixture(scope="session")
def tiny_server() -> Iterator[RunningServer]:
    with running_server("tiny.en") as server:
        yield server

"""One running server with real weights for all official clients."""

from collections.abc import Iterator

import pytest

from tests.support.running_server import RunningServer, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    with running_server("tiny.en") as running:
        yield running

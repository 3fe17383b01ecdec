import gc

import pytest

from server.while_alive import while_alive

pytestmark = pytest.mark.unit


class Owner:
    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []
        self.tell = while_alive(self._hear)

    def _hear(self, number: int, *, word: str) -> None:
        self.heard.append((number, word))


def test_it_calls_the_method():
    owner = Owner()
    owner.tell(1, word="one")
    assert owner.heard == [(1, "one")]


def test_it_does_not_keep_the_owner_and_does_nothing_then():
    gc.disable()
    try:
        owner = Owner()
        heard, tell = owner.heard, owner.tell
        del owner
        tell(1, word="one")
    finally:
        gc.enable()
    assert heard == []


def test_a_function_that_belongs_to_nobody_is_refused():
    with pytest.raises(TypeError):
        while_alive(print)

"""Every written conversation of every dialect, by one runner."""

import pytest

from tests.support.golden import DIALECTS, GOLDEN, player, turns

pytestmark = pytest.mark.unit

CONVERSATIONS = sorted(GOLDEN.glob("*/*.jsonl"))


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_server_answers_as_written(path):
    server = player(path)
    for line, expected in turns(path):
        assert server.answer(line) == expected, line


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_conversations(dialect):
    assert len(list(GOLDEN.glob(f"{dialect}/*.jsonl"))) >= 8

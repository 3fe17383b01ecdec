"""A voice much quieter than another in the same channel is not left out, through a whole server."""

import numpy as np
import pytest

from tests.support.recordings import clip, pcm16, references, silence, word_errors
from tests.support.running_server import RunningServer, converse, pieces, with_query

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    "voices",
    [
        (("0890", 0.1), ("0920", 1.0)),
        (("0880", 0.1), ("0870", 1.0)),
        (("0880", 0.03), ("0930", 1.0)),
        (("0890", 0.03), ("0930", 1.0)),
    ],
)
async def test_both_voices_are_in_the_finals(tiny_server: RunningServer, voices):
    url = with_query(tiny_server.socket_url, encoding="pcm_s16le", sample_rate=16000, language="en")
    parts = [part for number, gain in voices for part in (gain * clip(number), silence(0.5))]
    audio = pcm16(np.concatenate([*parts, silence(0.5)]))
    heard = await converse(url, pieces(audio, 3_200))
    reference = " ".join(references()[number] for number, _ in voices)
    assert word_errors(reference, heard.text) <= 4, heard.text

"""A kept transcript as text and subtitles, by the rules of the command line's."""

from collections.abc import Sequence

import starling_client.subtitles as files
from server.dialects.viewing import final_message
from starling_client.events import Final as ClientFinal
from starling_client.events import Word as ClientWord
from streaming.events import Final

FORMATS = {
    "json": "application/json",
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
}
"""What a transcript may be asked for in, and its media type."""

_RENDERERS = {"txt": files.to_txt, "srt": files.to_srt, "vtt": files.to_vtt}


def render(form: str, finals: Sequence[tuple[int, Final]]) -> str:
    """Return numbered finals as `txt`, `srt` or `vtt`."""
    return _RENDERERS[form]([_client_final(seq, final) for seq, final in finals])


def _client_final(seq: int, final: Final) -> ClientFinal:
    message = final_message(seq, final)
    words = None
    if message.words is not None:
        words = tuple(ClientWord(w.word, w.start, w.end, w.confidence) for w in message.words)
    return ClientFinal(
        seq=seq,
        utterance=message.utterance,
        channel=message.channel,
        text=message.text,
        start=message.start,
        end=message.end,
        language=message.language,
        confidence=message.confidence,
        words=words,
    )

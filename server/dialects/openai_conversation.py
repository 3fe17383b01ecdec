"""The items of an OpenAI Realtime conversation: which words belong to which, and what is told.

With the server's turn detection an item is an utterance; else it is what lies between two commits
of the client, however many utterances that are. Deltas are words that stay, so they join to the
completed transcript.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streaming.events import SpeechStarted, UtteranceEnded
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word

Bodies = list[dict[str, Any]]
"""Messages without their event ids."""

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class Item:
    """A piece of the conversation; `end_sample` is where the client committed or cleared it.

    `done` is the text of its finished utterances, `sent` what deltas have told of all;
    `is_answered` says of a commit amid the server's turns that it ended one of them.
    """

    id: str
    start_sample: int
    is_by_commit: bool
    end_sample: int | None = None
    done: str = ""
    sent: str = ""
    is_cleared: bool = False
    is_answered: bool = False


class Conversation:
    """Items from their first word to their transcript.

    `buffers` are the spans between commits and clears, the last one still growing; bounded as
    the session stops reading when too many finalizes wait.
    """

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._buffers = deque([Item(new_id("item"), 0, is_by_commit=True)])
        self._utterances: dict[int, Item] = {}
        self._cleared_to_sample = 0
        self._previous_id: str | None = None

    @property
    def buffer_start_sample(self) -> int:
        """Where the audio begins that is neither committed nor cleared."""
        return self._buffers[-1].start_sample

    def commit(self, at_sample: int, *, has_turns: bool, is_beta: bool) -> tuple[str, Bodies]:
        """End the buffer; return its item's id and what is told at once."""
        item = self._end_buffer(at_sample)
        item.is_by_commit = not has_turns
        return item.id, [] if has_turns else self._committed(item, is_beta=is_beta)

    def clear(self, at_sample: int) -> str:
        """Forget what is not committed; return the id of the buffer that it was in."""
        item = self._end_buffer(at_sample)
        self._cleared_to_sample = at_sample
        for open_item in (item, *self._utterances.values()):
            # What was committed before stays: its end is known.
            open_item.is_cleared = open_item is item or open_item.end_sample is None
        return item.id

    def speech_started(self, event: SpeechStarted, *, has_turns: bool) -> Bodies:
        """Put an utterance into its item."""
        if not has_turns:
            self._utterances[event.utterance] = self._buffer_at(event.start_sample)
            return []
        item = Item(self._new_id("item"), event.start_sample, is_by_commit=False)
        item.is_cleared = event.start_sample < self._cleared_to_sample
        self._utterances[event.utterance] = item
        if item.is_cleared:
            return []
        start_ms = _ms(event.start_sample)
        kind = "input_audio_buffer.speech_started"
        return [{"type": kind, "audio_start_ms": start_ms, "item_id": item.id}]

    def hear(self, utterance: int, words: tuple[Word, ...]) -> Bodies:
        """Tell what is new of the words that stay."""
        item = self._utterances[utterance]
        text = (item.done + "".join(word.text for word in words)).lstrip()
        delta = text[len(item.sent) :]
        if item.is_cleared or not delta:
            return []
        item.sent = text
        return [{**_about(item, "delta"), "delta": delta}]

    def utterance_ended(self, event: UtteranceEnded, *, is_beta: bool) -> Bodies:
        """Complete the item that this utterance is, if it is one by itself."""
        item = self._utterances.pop(event.utterance)
        item.done = item.sent
        if item.is_cleared or item.is_by_commit:
            return []
        self._buffers[0].is_answered = self._buffers[0].end_sample is not None
        kind = "input_audio_buffer.speech_stopped"
        stopped = {"type": kind, "audio_end_ms": _ms(event.end_sample), "item_id": item.id}
        completed = _completed(item, event.end_sample)
        return [stopped, *self._committed(item, is_beta=is_beta), completed]

    def finalized(self, item_id: str | None, *, is_beta: bool) -> Bodies:
        """Complete the committed item whose audio is all in finals now.

        A commit that ended no turn of the server's is answered by an item without words.
        """
        item = self._buffers[0]
        if item.id != item_id or item.end_sample is None:
            return []
        self._buffers.popleft()
        if item.is_cleared or item.is_answered:
            return []
        told = [] if item.is_by_commit else self._committed(item, is_beta=is_beta)
        return [*told, _completed(item, item.end_sample)]

    def _end_buffer(self, at_sample: int) -> Item:
        item = self._buffers[-1]
        item.end_sample = at_sample
        self._buffers.append(Item(self._new_id("item"), at_sample, is_by_commit=True))
        return item

    def _buffer_at(self, sample: int) -> Item:
        return next(b for b in self._buffers if b.end_sample is None or sample < b.end_sample)

    def _committed(self, item: Item, *, is_beta: bool) -> Bodies:
        previous, self._previous_id = self._previous_id, item.id
        place = {"previous_item_id": previous}
        body = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        kinds = ("created",) if is_beta else ("added", "done")
        return [
            {"type": "input_audio_buffer.committed", **place, "item_id": item.id},
            *({"type": f"conversation.item.{kind}", **place, "item": body} for kind in kinds),
        ]


def _about(item: Item, kind: str) -> dict[str, Any]:
    return {"type": f"{_TRANSCRIPTION}.{kind}", "item_id": item.id, "content_index": 0}


def _completed(item: Item, end_sample: int) -> dict[str, Any]:
    seconds = round(max(0, end_sample - item.start_sample) / TARGET_RATE_HZ, 3)
    usage = {"type": "duration", "seconds": seconds}
    return {**_about(item, "completed"), "transcript": item.sent, "usage": usage}


def _ms(sample: int) -> int:
    return sample * 1000 // TARGET_RATE_HZ

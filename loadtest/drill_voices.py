"""Sessions of a drill: speak a clip at its pace, note what came back and when."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from loadtest.recordings import CHUNK_S, chunks
from starling_client import (
    Event,
    Final,
    Interim,
    Reconnecting,
    Resumed,
    SessionOptions,
    SpeechStarted,
    StarlingClient,
    StarlingError,
)
from starling_client.reconnecting import ReconnectPolicy

Said = tuple[int, int, str, float, float]
"""One final: channel, utterance, text, start and end in seconds."""


@dataclass
class Outcome:
    """What one session heard."""

    said: list[Said] = field(default_factory=list)
    final_at: list[float] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    lost_at: list[float] = field(default_factory=list)
    resumed_at: list[float] = field(default_factory=list)
    heard_again_at: list[float] = field(default_factory=list)
    is_closed: bool = False
    failure: str | None = None

    @property
    def text(self) -> str:
        """All finals."""
        return " ".join(said[2] for said in self.said)

    def note(self, event: Event) -> None:
        """Take an event of the client."""
        now = time.monotonic()
        match event:
            case Reconnecting(attempt=1):
                self.lost_at.append(now)
            case Reconnecting():
                return
            case Resumed():
                self.resumed_at.append(now)
            case Final():
                said = (event.channel, event.utterance, event.text, event.start, event.end)
                self.said.append(said)
                self.final_at.append(now)
            case _:
                pass
        if not isinstance(event, Reconnecting):
            self.seqs.append(event.seq)
        is_word = isinstance(event, Final | Interim | SpeechStarted)
        if is_word and len(self.heard_again_at) < len(self.resumed_at):
            self.heard_again_at.append(now)


@dataclass(frozen=True, slots=True)
class Speech:
    """What every voice of a drill says, and how it connects."""

    clips: tuple[bytes, ...]
    sample_rate_hz: int = 16_000
    ping_timeout_s: float = 2.0
    spread_s: float = 0.5
    """Voices begin spread over this time."""


async def speak_all(urls: Sequence[str], num_sessions: int, speech: Speech) -> list[Outcome]:
    """Let voices speak at once, each with another replica first, and return what they heard."""
    async with asyncio.TaskGroup() as tasks:
        speaking = [
            tasks.create_task(_speak(urls, index, num_sessions, speech))
            for index in range(num_sessions)
        ]
    return [task.result() for task in speaking]


async def _speak(urls: Sequence[str], index: int, num_sessions: int, speech: Speech) -> Outcome:
    outcome = Outcome()
    first = index % len(urls)
    client = StarlingClient(
        [*urls[first:], *urls[:first]],
        ping_interval_s=speech.ping_timeout_s / 2,
        ping_timeout_s=speech.ping_timeout_s,
        reconnect=ReconnectPolicy(timeout_s=120.0),
    )
    options = SessionOptions(encoding="pcm_s16le", sample_rate=speech.sample_rate_hz, language="en")
    pcm = speech.clips[index % len(speech.clips)]
    await asyncio.sleep(speech.spread_s * index / num_sessions)
    try:
        async with client.stream(options) as session:
            session.feed(_paced(pcm, speech.sample_rate_hz))
            async for event in session:
                outcome.note(event)
            outcome.is_closed = session.closed is not None
    except StarlingError as error:
        outcome.failure = error.code
    return outcome


async def _paced(pcm: bytes, rate_hz: int) -> AsyncIterator[bytes]:
    """Yield the chunks of a clip, never behind a lost connection: a microphone does not wait."""
    begun_at = time.monotonic()
    for number, chunk in enumerate(chunks(pcm), start=1):
        yield chunk
        due_at = begun_at + number * CHUNK_S * 16_000 / rate_hz
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))

"""OpenAI Realtime transcription sessions: JSON both ways, audio in base64.

https://platform.openai.com/docs/guides/realtime-transcription, current and beta event names, as the
SDKs openai 3.54 (Python) and 6.49 (npm) speak them. The session always runs on 16 kHz floats: the
client may change its audio format after the session has opened. An answer that needs nothing of
the session travels through it as a ping, so that it keeps its place among the events.
"""

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from server.dialects.base import Outgoing
from server.dialects.openai_conversation import Bodies, Conversation
from server.dialects.openai_files import error_answer
from server.dialects.openai_session import RealtimeConfig, SessionFieldError
from server.dialects.sockets import Refusal, SocketManners
from streaming import events as ev
from streaming.errors import StarlingError
from streaming.intake import RawAudioIntake
from streaming.options import TARGET_RATE_HZ, Encoding, OptionRequest

BYTES_PER_SAMPLE = 4
MIN_COMMIT_SAMPLES = TARGET_RATE_HZ // 10
"""OpenAI refuses to commit less than 100 ms."""


class OpenAIRealtimeDialect(SocketManners):
    """Translates one connection.

    Args:
        new_id: Returns a fresh id that begins with the given prefix.
        models: Names of loaded models; any other name means the default one.
        languages: Codes that the default model knows.
    """

    refuses_in_handshake = True

    def __init__(
        self,
        new_id: Callable[[str], str],
        models: Collection[str] = (),
        languages: Collection[str] = (),
    ) -> None:
        self._new_id = new_id
        self._models = models
        self._languages = languages
        self._config = RealtimeConfig()
        self._conversation = Conversation(new_id)
        self._intake = RawAudioIntake(self._config.audio)
        self._num_samples = 0
        self._session_id = ""
        self._silence_ms = 0
        self._reply_ids = count(1)
        self._replies: dict[str, Bodies] = {}

    def refusal(self, error: StarlingError) -> Refusal:
        """Return a failed handshake in OpenAI's shape."""
        return Refusal(*error_answer(error))

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        """Return what every session starts with; all else comes in `session.update`."""
        model = (query.get("model") or [""])[-1]
        self._config = replace(self._config, transcription={"model": model or "whisper-1"})
        return OptionRequest(
            encoding=Encoding.PCM_F32LE.value,
            sample_rate=TARGET_RATE_HZ,
            model=model if model in self._models else None,
        )

    def open(self, message: str | bytes, named: OptionRequest) -> OptionRequest | None:
        """Return the address's options: a session is open before its first message."""
        del message
        return named

    def decode(self, message: str | bytes) -> list[ev.ClientEvent]:
        """Return what a message asks; what is wrong with it is answered, and ends nothing."""
        told = _parse(message)
        match told.get("type"):
            case "input_audio_buffer.append":
                return self._append(told)
            case "input_audio_buffer.commit":
                return self._commit(told)
            case "input_audio_buffer.clear":
                return self._clear()
            case "session.update":
                return self._update(told, is_beta=False)
            case "transcription_session.update":
                return self._update(told, is_beta=True)
            case _:
                hint = "send JSON events of a transcription session: audio or session updates"
                return self._refuse(told, "invalid_event", hint, "type")

    def encode(self, seq: int, event: ev.ServerEvent) -> list[Outgoing[str]]:
        """Return the messages for an event."""
        del seq
        return [self._message(body) for body in self._bodies(event)]

    def _bodies(self, event: ev.ServerEvent) -> Bodies:  # noqa: PLR0911 # one line an event
        conversation, config = self._conversation, self._config
        match event:
            case ev.SessionReady(session_id, options):
                self._session_id = f"sess_{session_id}"
                self._silence_ms = options.endpoint_silence_ms
                return [self._session("session.created")]
            case ev.OptionsUpdated(options):
                self._silence_ms = options.endpoint_silence_ms
                kind = "transcription_session" if config.is_beta else "session"
                return [self._session(f"{kind}.updated")]
            case ev.PongSent(reply_id):
                return self._replies.pop(reply_id or "", [])
            case ev.SpeechStarted():
                return conversation.speech_started(event, has_turns=config.has_turns)
            case ev.Interim():
                return conversation.hear(event.utterance, event.committed)
            case ev.Final():
                return conversation.hear(event.utterance, event.words)
            case ev.UtteranceEnded():
                return conversation.utterance_ended(event, is_beta=config.is_beta)
            case ev.Finalized(item_id, _):
                return conversation.finalized(item_id, is_beta=config.is_beta)
            case ev.Failed(error):
                told = error_answer(error)[1]["error"]
                return [{"type": "error", "error": {**told, "event_id": None}}]
            case _:
                return []

    def _append(self, told: Mapping[str, Any]) -> list[ev.ClientEvent]:
        try:
            data = base64.b64decode(told["audio"], validate=True)
            audio = self._intake.feed(data)
        except (KeyError, TypeError, ValueError):
            return self._refuse(told, "invalid_value", "`audio` is not base64", "audio")
        except StarlingError as error:
            return self._refuse(told, "invalid_value", f"{error.message}; {error.hint}", "audio")
        return self._received(audio.tobytes())

    def _received(self, data: bytes) -> list[ev.ClientEvent]:
        self._num_samples += len(data) // BYTES_PER_SAMPLE
        return [ev.AudioReceived(data)]

    def _flush_intake(self) -> list[ev.ClientEvent]:
        """Pass on what the resampler holds, and begin anew in the present format."""
        rest = self._intake.flush().tobytes()
        self._intake = RawAudioIntake(self._config.audio)
        return self._received(rest)

    def _commit(self, told: Mapping[str, Any]) -> list[ev.ClientEvent]:
        events = self._flush_intake()
        if self._num_samples - self._conversation.buffer_start_sample < MIN_COMMIT_SAMPLES:
            message = "the buffer holds less than 100 ms of audio since the last commit"
            return [*events, *self._refuse(told, "input_audio_buffer_commit_empty", message)]
        item_id, bodies = self._conversation.commit(
            self._num_samples, has_turns=self._config.has_turns, is_beta=self._config.is_beta
        )
        return [*events, *self._reply(bodies), ev.FinalizeRequested(item_id)]

    def _clear(self) -> list[ev.ClientEvent]:
        events = self._flush_intake()
        item_id = self._conversation.clear(self._num_samples)
        cleared = self._reply([{"type": "input_audio_buffer.cleared"}])
        return [*events, *cleared, ev.FinalizeRequested(item_id)]

    def _update(self, told: Mapping[str, Any], *, is_beta: bool) -> list[ev.ClientEvent]:
        session = told.get("session")
        if not isinstance(session, dict):
            return self._refuse(told, "invalid_value", "`session` must be an object", "session")
        before = self._config
        try:
            named = replace(before, is_beta=is_beta)
            self._config = named.updated(session, self._languages)
        except SessionFieldError as error:
            return self._refuse(told, "invalid_value", str(error), error.param)
        events = self._flush_intake() if self._config.audio != before.audio else []
        return [*events, ev.OptionsChanged(self._config.options())]

    def _refuse(
        self, told: Mapping[str, Any], code: str, message: str, param: str | None = None
    ) -> list[ev.ClientEvent]:
        client_id = told.get("event_id")
        error = {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": param,
            "event_id": client_id if isinstance(client_id, str) else None,
        }
        return self._reply([{"type": "error", "error": error}])

    def _reply(self, bodies: Bodies) -> list[ev.ClientEvent]:
        if not bodies:
            return []
        reply_id = str(next(self._reply_ids))
        self._replies[reply_id] = bodies
        return [ev.PingReceived(reply_id)]

    def _session(self, kind: str) -> dict[str, Any]:
        session = self._config.wire(self._session_id, self._silence_ms)
        return {"type": kind, "session": session}

    def _message(self, body: Mapping[str, Any]) -> Outgoing[str]:
        # ASCII, because a client's lone surrogates come back in what it is told.
        return Outgoing(json.dumps({"event_id": self._new_id("event"), **body}))


def _parse(message: str | bytes) -> dict[str, Any]:
    """Return the event, empty for what is no JSON object."""
    try:
        told = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}

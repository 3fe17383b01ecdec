"""What becomes of each event and field of OpenAI Realtime."""

from server.dialects.compatibility import (
    CompatibilityPage,
    FieldList,
    ignored,
    refused,
    supported,
)

EVENTS = FieldList(
    "Client events of /v1/realtime",
    (
        supported("session.update", "Transcription sessions; only the fields present change."),
        supported("transcription_session.update", "The beta's name; answers are the beta's then."),
        supported("input_audio_buffer.append", "Up to 6 MB of base64 an event."),
        supported("input_audio_buffer.commit", "An item of its own when `turn_detection` is null."),
        supported("input_audio_buffer.clear", "Forgets what is not committed."),
        refused("response.create", "Answered by an `error`; there is no model that replies."),
        refused("conversation.item.create", "Answered by an `error`; items come from audio."),
    ),
    about="Any other event is answered by an `error`. No error ends the session, save limits.",
)
SESSION = FieldList(
    "Fields of the session",
    (
        supported("audio.input.format", "audio/pcm (24 kHz, or `rate`), audio/pcmu, audio/pcma."),
        supported("audio.input.transcription.model", "In the address: a model loaded here."),
        supported("audio.input.transcription.language", "Code or name; detected when left out."),
        supported("audio.input.transcription.prompt", "Its last 2,000 characters."),
        supported("audio.input.transcription.keywords", "Words or names to favour."),
        supported("audio.input.turn_detection", "server_vad, or null: the client commits."),
        supported("audio.input.turn_detection.threshold", "How sure speech must be, 0 to 1."),
        supported("audio.input.turn_detection.silence_duration_ms", "100 to 5,000; default 950."),
        ignored("audio.input.turn_detection.prefix_padding_ms", "0.45 s is always kept."),
        ignored("audio.input.turn_detection.eagerness", "semantic_vad is taken for server_vad."),
        ignored("audio.input.noise_reduction", "The model is trained on noise."),
        ignored("include", "There are no log probabilities of tokens."),
    ),
    about="The beta's flat names (`input_audio_format`, …) mean the same.",
)
PAGE = CompatibilityPage(
    "openai-realtime.md",
    "OpenAI clients: Realtime transcription",
    """
`ws://127.0.0.1:8080/v1/realtime?intent=transcription` takes transcription sessions:

```python
client = AsyncOpenAI(base_url="http://127.0.0.1:8080/v1", api_key="any")
async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
    ...
```

Browsers pass the key as the subprotocol `openai-insecure-api-key.KEY` beside `realtime`. OpenAI's
JavaScript SDK insists on `wss:`, so it needs a proxy with a certificate in front.

Deltas are words that stay: they join to the transcript of `completed`. `speech_stopped` and
`committed` come with the transcript, about a second after the speech ends. A decode that fails
leaves the words that were committed. A session lasts `max_session_s`; there is no idle limit.
""",
    (EVENTS, SESSION),
)

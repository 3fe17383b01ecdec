"""What the Deepgram adapters do with every parameter and message that Deepgram documents."""

from server.dialects.compatibility import (
    CompatibilityPage,
    FieldList,
    ignored,
    refused,
    supported,
)

MIN_ENDPOINTING_MS = 300
"""Shorter silences cut a sentence at every breath, and Whisper then mishears the pieces."""

COMMON_QUERY = (
    supported("model", "The name of a loaded model selects it; any other, such as `nova-3`, means "
              "the loaded one. `model_info` in results tells which it was."),
    supported("language", "A code such as `en`, `en-US` or `de`; `multi` detects it. Without it "
              "`en`, as Deepgram has it; refused with 400 when the model does not know it."),
    supported("detect_language", "`true` detects the language, as `language=multi` does."),
    supported("multichannel", "`true` transcribes two channels apart; see `channel_index`."),
    supported("punctuate", "`true` keeps capitals and punctuation in `transcript` and sends "
              "`punctuated_word`; without it words are bare and in lower case."),
    supported("smart_format", "As `punctuate`; Whisper writes numbers and dates its own way."),
    supported("dictation", "As `punctuate`; spoken commands are not turned into signs."),
    supported("diarize", "One speaker a channel: `speaker` is the number of the channel."),
    supported("keyterm", "Words to listen for, repeated; 100 at most, of 100 characters."),
    supported("keywords", "As `keyterm`; the boost behind `:` is dropped, and a word with a "
              "negative one is left out."),
    ignored("version", "There is one version of a model."),
    ignored("diarize_model", "See `diarize`."),
    ignored("numerals", "Whisper writes numbers its own way."),
    ignored("filler_words", "Whisper leaves most of them out by itself."),
    ignored("profanity_filter", "Nothing is masked; `true` is told under `warnings` in Metadata."),
    ignored("detect_entities", "No entities are found."),
    ignored("language_hint", "Say `language`."),
    ignored("search", "Search the transcript."),
    ignored("replace", "Replace in the transcript."),
    ignored("tag", "Nothing is counted by tag."),
    ignored("extra", "Not repeated in answers."),
    ignored("mip_opt_out", "Nothing is ever used for training."),
    refused("redact", "Nothing can be masked here yet: leave `redact` out and mask the transcript "
            "yourself, so that nobody relies on what is not done."),
    refused("callback", "Results are not posted anywhere: read them from this connection."),
    ignored("callback_method", "See `callback`."),
)  # fmt: skip

LIVE_QUERY = FieldList(
    "Parameters of `WS /v1/listen`",
    (
        supported("encoding", "`linear16`, `linear32` (floats), `mulaw`, `alaw`; `flac`, `opus`, "
                  "`ogg-opus` and no encoding at all mean a container: WebM, Ogg, MP3, FLAC or WAV "
                  "as it arrives. Bare Opus packets, `amr-nb`, `amr-wb`, `g729` and `speex` are "
                  "refused."),
        supported("sample_rate", "8000 to 48000; needed with raw encodings."),
        supported("channels", "1 or 2, interleaved; mixed unless `multichannel=true`."),
        supported("interim_results", "`true` sends results with `is_final` false. Only then are "
                  "parts of a long utterance final before its end (`speech_final` false)."),
        supported("endpointing", f"Silence in ms that sets `speech_final`, {MIN_ENDPOINTING_MS} to "
                  f"5000; shorter becomes {MIN_ENDPOINTING_MS}. `false` never sets it. Without "
                  "it, the server's `endpoint_silence_ms`. Short silences cost words, as Whisper "
                  "hears pieces without their context: on 24 recordings of 6 minutes `base` got "
                  "8.1 % of words wrong at 850 ms, 8.0 % at 500, 10.7 % at 300, 12.4 % at 100."),
        supported("utterance_end_ms", "Silence after the last word that sends `UtteranceEnd`, 1000 "
                  "to 5000 ms; counted in the audio."),
        supported("vad_events", "`true` sends `SpeechStarted`."),
        ignored("no_delay", "Nothing is held back."),
        *COMMON_QUERY,
    ),
    about="Parameters not listed are ignored, as Deepgram ignores them.",
)  # fmt: skip

LIVE_MESSAGES = FieldList(
    "Messages of `WS /v1/listen`",
    (
        supported("(binary)", "Audio, in any split. An empty one means `CloseStream`."),
        supported("KeepAlive", "Holds the connection; there is no answer."),
        supported("Finalize", "Answered with a `Results` of `from_finalize` true on every channel, "
                  "empty when nothing was waiting; a `channel` in it is ignored."),
        supported("CloseStream", "Last results, `Metadata`, then close 1000."),
        supported("Configure", "`keyterms` replace those in force; `features` is ignored. Answered "
                  "with `ConfigureSuccess`."),
        supported("Results", "With words, their times and their own confidence; `start` and "
                  "`duration` of finals follow on from one another."),
        supported("SpeechStarted", "Where speech was first heard."),
        supported("UtteranceEnd", "After the results of the words it speaks of."),
        supported("Metadata", "With the SHA-256 of the audio as it was received."),
        supported("Error", "For a text message that is none of these: what was heard is told, "
                  "then `Error` with variant `SchemaError`, then close 1008."),
    ),
)  # fmt: skip

TURN_QUERY = FieldList(
    "Parameters of `WS /v2/listen` (Flux)",
    (
        supported("model", "The name of a loaded model selects it; any other means the loaded one. "
                  "One with `multi` in it, such as `flux-general-multi`, detects the language; "
                  "without, it is `en`."),
        supported("language_hint", "With a `multi` model: a single hint is the language."),
        supported("encoding", "As in `/v1/listen`."),
        supported("sample_rate", "As in `/v1/listen`."),
        supported("keyterm", "As in `/v1/listen`."),
        supported("eot_timeout_ms", "When shorter than 850: the silence that ends a turn. Else the "
                  "server's `endpoint_silence_ms` does, before the timeout."),
        ignored("eot_threshold", "Turns end by silence; `end_of_turn_confidence` is 0, then 1."),
        ignored("eager_eot_threshold", "No `EagerEndOfTurn` and no `TurnResumed` is sent."),
        ignored("numerals", "Whisper writes numbers its own way."),
        ignored("profanity_filter", "Nothing is masked."),
        ignored("mip_opt_out", "Nothing is ever used for training."),
        ignored("tag", "Nothing is counted by tag."),
        refused("redact", "Nothing can be masked here yet: leave `redact` out and mask the "
                "transcript yourself."),
    ),
)  # fmt: skip

TURN_MESSAGES = FieldList(
    "Messages of `WS /v2/listen`",
    (
        supported("(binary)", "Audio, in any split. An empty one means `CloseStream`."),
        supported("ForceEndTurn", "Ends the turn now; `trigger` is then `manual`."),
        supported("CloseStream", "Ends the last turn, then close 1000."),
        supported("Configure", "`keyterms` replace those in force; the rest is ignored. Answered "
                  "with `ConfigureSuccess`."),
        supported("KeepAlive", "Holds the connection while there is no audio."),
        supported("Connected", "The first message."),
        supported("TurnInfo", "`StartOfTurn` with the first words, `Update` as they change, "
                  "`EndOfTurn` with `trigger`; always with the words of the whole turn."),
        supported("Error", "Then the connection closes, as in `/v1/listen`."),
    ),
)  # fmt: skip

FILE_QUERY = FieldList(
    "Parameters of `POST /v1/listen`",
    (
        supported("(body)", "The file itself, in any container and codec that FFmpeg reads, up to "
                  "`max_file_bytes` and `max_file_s`. Its content type is not looked at, except "
                  "that JSON, as in `{\"url\": ...}`, is refused with 400: the server fetches no "
                  "addresses for its clients."),
        supported("encoding", "As above, for bare samples; leave it out for files with a header."),
        supported("sample_rate", "Needed with raw encodings."),
        supported("channels", "Of bare samples; files tell theirs."),
        supported("utterances", "`true` adds `utterances`: words without a gap of `utt_split`."),
        supported("utt_split", "Seconds of silence between utterances; 0.8 without it."),
        supported("paragraphs", "`true` adds `paragraphs` of sentences; so does `smart_format`."),
        ignored("measurements", "Whisper writes units its own way."),
        ignored("summarize", "The transcript is not interpreted."),
        ignored("topics", "The transcript is not interpreted."),
        ignored("intents", "The transcript is not interpreted."),
        ignored("sentiment", "The transcript is not interpreted."),
        *COMMON_QUERY,
    ),
    about="`multichannel=true` gives every channel of a file an entry of its own under `channels`. "
    "Parameters not listed are ignored.",
)  # fmt: skip

LIVE_ABOUT = """
```python
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment

here = DeepgramClientEnvironment(
    base="http://127.0.0.1:8080",
    production="ws://127.0.0.1:8080",
    agent="ws://127.0.0.1:8080",
    agent_rest="http://127.0.0.1:8080",
)
client = AsyncDeepgramClient(api_key="any, or one of STARLING_API_KEYS", environment=here)
```

```js
const base = "http://127.0.0.1:8080", production = "ws://127.0.0.1:8080";
const environment = { base, production, agent: production, agentRest: base };
const client = new DeepgramClient({ apiKey: "...", environment });
```

LiveKit: `deepgram.STT(base_url="http://127.0.0.1:8080/v1/listen")`, or
`deepgram.STTv2(base_url="ws://127.0.0.1:8080/v2/listen")`.
Pipecat: `DeepgramSTTService(base_url="ws://127.0.0.1:8080")`.

Keys go into `Authorization: Token KEY` or `Bearer KEY`, or the subprotocols `token, KEY` or
`bearer, KEY`.

How a connection ends, apart from 1000 after `CloseStream`:

| when | close | reason |
|---|---|---|
| neither audio nor text for 10 s (`deepgram_idle_timeout_s`) | 1011 | `NET-0001 ...` |
| the bytes are not the audio that was declared | 1008 | `DATA-0000 ...` |
| a text message is not known | 1008 | after an `Error` message |
| the server stops | 1012 | |

A handshake that cannot be met is answered by HTTP: 400 (a parameter), 401 (the key), 429 (all
sessions are taken), each with `err_code`, `err_msg` and `request_id`, and the headers
`dg-request-id` and `dg-error`.
"""

PAGE = CompatibilityPage(
    "deepgram.md",
    "Deepgram clients",
    LIVE_ABOUT,
    (LIVE_QUERY, LIVE_MESSAGES, TURN_QUERY, TURN_MESSAGES, FILE_QUERY),
)

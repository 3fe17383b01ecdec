"""How much speech is missed because of the voice before it.

`python -m tests.benchmarks.voices_in_turn MANIFEST` has recordings said one after the other, in any
order, as one channel hears them. A window is missed when its recording alone has a score at which
the gate opens there, and in the sequence one at which it closes; the other way round it is taken
for speech. Once for each `--forget-after`, windows of quiet after which Silero begins anew. What
holds no speech is scored, too, alone and after a voice.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import server  # noqa: F401 # one thread for NumPy, as in the server; before NumPy

# isort: split
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from loadtest.manifest import Recording, read_manifest
from loadtest.material import at_speech_level
from loadtest.recordings import load_pcm, room_noise
from server.models.silero import silero_onnx_path
from server.vad import silero
from server.vad.state import VadState
from streaming.speech_gate import QUIET_WINDOWS, WINDOW_SAMPLES, SpeechPolicy

NEVER = 10**9
TERMINAL = Console(stderr=True)
RECORDINGS_IN_TURN = 12
MANY_WINDOWS = 31
"""A recording that misses more than a second is told of."""

POLICY = SpeechPolicy()
Audio = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


def main() -> None:
    arguments = _arguments()
    rows = read_manifest(arguments.manifest)
    voices = _audio([row for row in rows if row.language == arguments.language], arguments.level)
    others = _audio([row for row in rows if not row.has_speech], arguments.level)
    gap = _whole_windows(room_noise(arguments.gap))
    order = random.Random(arguments.seed)
    num = min(RECORDINGS_IN_TURN, len(voices))
    turns = [order.sample(range(len(voices)), num) for _ in range(arguments.sequences)]
    model = silero.SileroVad(silero_onnx_path())
    silero.QUIET_WINDOWS = NEVER
    alone = [scores(model, voice) for voice in track(voices, "voices alone", console=TERMINAL)]
    for forget_after in arguments.forget_after or (0, QUIET_WINDOWS):
        silero.QUIET_WINDOWS = forget_after or NEVER
        counts = np.zeros(4, dtype=int)
        for turn in track(turns, f"in turn, forgetting after {forget_after}", console=TERMINAL):
            joined = np.concatenate([part for i in turn for part in (voices[i], gap)])
            counts += _compared(scores(model, joined), [alone[i] for i in turn], len(gap))
        print(json.dumps(_report(forget_after, counts, _heard_in(model, others, voices, gap))))


def scores(model: silero.SileroVad, audio: Audio) -> Scores:
    """Return a probability of speech for every window of a fresh channel."""
    return np.array(model.score([(VadState(), audio)])[0])


def _compared(joined: Scores, alone: Sequence[Scores], gap_samples: int) -> npt.NDArray[np.int_]:
    """Count windows: of speech, missed, taken for speech; and recordings that miss many."""
    counts, at = np.zeros(4, dtype=int), 0
    for wanted in alone:
        got = joined[at : at + len(wanted)]
        at += len(wanted) + gap_samples // WINDOW_SAMPLES
        is_speech = wanted >= POLICY.onset_probability
        missed = int((is_speech & (got < POLICY.release_probability)).sum())
        is_quiet = wanted < POLICY.release_probability
        taken = int((is_quiet & (got >= POLICY.onset_probability)).sum())
        counts += [int(is_speech.sum()), missed, taken, missed > MANY_WINDOWS]
    return counts


def _heard_in(
    model: silero.SileroVad, others: Sequence[Audio], voices: Sequence[Audio], gap: Audio
) -> float | None:
    """Return the share of windows without speech at which the gate opens."""
    heard = [
        scores(model, np.concatenate([*before, other]))[-len(other) // WINDOW_SAMPLES :]
        for index, other in enumerate(others)
        for before in ((), (voices[index % len(voices)], gap))
    ]
    if not heard:
        return None
    return float((np.concatenate(heard) >= POLICY.onset_probability).mean())


def _report(
    forget_after: int, counts: npt.NDArray[np.int_], heard: float | None
) -> dict[str, float | None]:
    num_speech, missed, taken, recordings = counts.tolist()
    return {
        "forget_after_windows": forget_after,
        "speech_windows": num_speech,
        "missed": round(missed / num_speech, 5),
        "taken_for_speech": round(taken / num_speech, 5),
        "recordings_missing_over_1_s": recordings,
        "heard_where_nobody_speaks": heard,
    }


def _audio(rows: Sequence[Recording], brings_to_one_level: bool) -> list[Audio]:
    loaded = []
    for row in track(rows, "recordings"):
        pcm = load_pcm(row.path)
        is_leveled = brings_to_one_level and row.has_speech
        loaded.append(_whole_windows(at_speech_level(pcm) if is_leveled else pcm))
    return loaded


def _whole_windows(pcm: bytes) -> Audio:
    audio = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32_768
    return audio[: len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--sequences", type=int, default=24)
    parser.add_argument("--gap", type=float, default=1.024, help="seconds of quiet in between")
    parser.add_argument("--level", action="store_true", help="bring recordings to one level")
    parser.add_argument(
        "--forget-after", type=int, action="append", help="windows, 0 for never; again for more"
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()

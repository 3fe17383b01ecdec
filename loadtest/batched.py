"""faster-whisper's own BatchedInferencePipeline on one file: what the server's files compare with.

Runs in a process of its own: `python -m loadtest.batched` reads a JSON job on stdin (`weights`,
`path`, `language`, `threads`) and writes `{"text", "seconds"}`; loading the weights is not counted.
"""

import json
import sys
import time


def main() -> None:
    """Transcribe the file of the job with the pipeline's defaults, beam 5 and batches of 8."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel  # noqa: PLC0415 - slow

    job = json.load(sys.stdin)
    model = WhisperModel(
        job["weights"], device="cpu", compute_type="int8", cpu_threads=job["threads"]
    )
    pipeline = BatchedInferencePipeline(model)
    started_at = time.monotonic()
    segments, _ = pipeline.transcribe(job["path"], language=job["language"])
    text = "".join(segment.text for segment in segments)
    print(json.dumps({"text": text, "seconds": time.monotonic() - started_at}))


if __name__ == "__main__":
    main()

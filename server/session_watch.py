"""What operators see of one session: metrics and log lines, never its text."""

import time

import structlog

from server.arrivals import Arrivals
from server.metrics import Metrics
from streaming.effects import Emit
from streaming.events import Closed, Failed, Final, GoingAway, Interim, SessionResumed
from streaming.options import TARGET_RATE_HZ

log = structlog.get_logger()


class SessionWatch:
    """Counts what a session hears and says.

    Args:
        session_id: For log lines.
        start_sample: Where its audio goes on, 0 for a new session.
        metrics: Where it is counted.
    """

    def __init__(self, session_id: str, start_sample: int, metrics: Metrics) -> None:
        self._session_id = session_id
        self._arrivals = Arrivals(start_sample)
        self._metrics = metrics

    def heard(self, num_samples: int, now: float) -> None:
        """Note that audio arrived."""
        self._arrivals.add(num_samples, now)
        self._metrics.audio_seconds.inc(num_samples / TARGET_RATE_HZ)

    def detached(self) -> None:
        """Note that the connection is gone and the session may go on elsewhere."""
        self._metrics.sessions.labels("disconnected").inc()
        log.info("session detached", session=self._session_id)

    def said(self, emit: Emit) -> None:
        """Note an event on its way to the client."""
        match emit.event:
            case Final(end_sample=end_sample):
                self._metrics.finals.inc()
                delay_s = self._arrivals.delay_s(end_sample, time.monotonic())
                if delay_s is not None:
                    self._metrics.final_latency_seconds.observe(delay_s)
            case Interim():
                self._metrics.interims.inc()
            case SessionResumed(offset_samples=samples):
                audio_s = round(samples / TARGET_RATE_HZ, 1)
                log.info("session resumed", session=self._session_id, audio_s=audio_s)
            case GoingAway():
                self._metrics.sessions.labels("handed_over").inc()
                log.info("session handed over", session=self._session_id)
            case Failed(error):
                log.info("session failed", session=self._session_id, code=str(error.code))
            case Closed(reason=reason, audio_samples=samples, num_finals=num_finals):
                self._metrics.sessions.labels(reason).inc()
                log.info(
                    "session closed",
                    session=self._session_id,
                    reason=reason,
                    audio_s=round(samples / TARGET_RATE_HZ, 1),
                    finals=num_finals,
                )
            case _:
                pass

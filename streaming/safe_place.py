"""How far a session's audio is needed no more, and which options held up to there.

A client that resumes sends its audio again from the safe place, so it is told when the place moves;
options that changed later are sent again, so a snapshot keeps those from before it.
"""

from streaming.options import TARGET_RATE_HZ, SessionOptions

ACK_STEP_SAMPLES = 5 * TARGET_RATE_HZ
"""In silence the safe place is told this often; after a final it is told at once."""

MAX_OPTIONS_SINCE = 64
"""Changes of options after the safe place that are told apart; more are merged."""


class SafePlace:
    """The safe place as told last, and the options since."""

    def __init__(self, start_sample: int, options: SessionOptions) -> None:
        self._told_sample = start_sample
        self._options_since = [(start_sample, options)]

    def note_options(self, from_sample: int, options: SessionOptions) -> None:
        """Take it that these options hold for audio from here on."""
        self._options_since.append((from_sample, options))
        if len(self._options_since) > MAX_OPTIONS_SINCE:
            del self._options_since[1]

    def options_at(self, safe_sample: int) -> SessionOptions:
        """Return the options that held just before this place."""
        before = [options for since, options in self._options_since if since < safe_sample]
        return before[-1] if before else self._options_since[0][1]

    def may_advance(self, scored_end_sample: int) -> bool:
        """Say whether the place can have moved by a step; it lies before what is scored."""
        return scored_end_sample - self._told_sample >= ACK_STEP_SAMPLES

    def advance(self, safe_sample: int, *, at_once: bool) -> bool:
        """Say whether the client is to be told that the place is here now."""
        if safe_sample - self._told_sample < (1 if at_once else ACK_STEP_SAMPLES):
            return False
        self._told_sample = safe_sample
        while len(self._options_since) > 1 and self._options_since[1][0] < safe_sample:
            del self._options_since[0]
        return True

"""Which decodes of one channel's utterances are asked for, and when; their answers.

In silence the final is decoded ahead; in speech a checkpoint where one is due, else an interim if
none is on its way. Under load finals are decoded ahead later, and not if the voice goes on
meanwhile; of a voice that rarely does they are asked for at once, and until then wait for a batch
to join. Interims wait for their turn, then are not asked for at all, and checkpoints only in long
utterances.
A final is decoded together with the words before it, so it waits until those are known. In a long
utterance finals and checkpoints go on from words committed some seconds before, so they wait for
the checkpoints that commit them. Under load they wait for nothing and take what words are known.
"""

from collections.abc import Callable
from dataclasses import replace

from streaming.audio_buffer import AudioBuffer
from streaming.checkpoints import CHECKPOINT_SAMPLES
from streaming.continuation import LAG_SAMPLES, going_on_from, may_go_on
from streaming.effects import CancelDecode, DecodeRequest, Purpose
from streaming.final_queue import FinalOutput, FinalQueue
from streaming.options import SessionOptions, Task
from streaming.overload import Load
from streaming.pacing import (
    PauseHabit,
    ahead_after_samples,
    is_interim_due,
    slack_s,
    wait_for_batch_s,
)
from streaming.transcript import Hypothesis, Word
from streaming.utterance import OpenUtterance, SpanDecode
from streaming.windows import hastened, spared_long_window

TIMED_FROM_SAMPLES = 3 * CHECKPOINT_SAMPLES
"""Words of checkpoints this long have times, to go on from; shorter utterances need none."""

DeskOutput = DecodeRequest | CancelDecode
AnsweredOutput = FinalOutput | DeskOutput


class DecodeDesk:
    """Makes requests and notes on the utterance what was asked.

    Args:
        next_request_id: Gives ids unique within the session.
        buffer: The channel's audio.
        finals: Knows the language to decode in.
        options: The session's options; replaced when they change.
        load: How busy the server is; replaced when it changes.
    """

    def __init__(
        self,
        next_request_id: Callable[[], int],
        buffer: AudioBuffer,
        finals: FinalQueue,
        options: SessionOptions,
    ) -> None:
        self._next_request_id = next_request_id
        self._buffer = buffer
        self._finals = finals
        self.options = options
        self.load = Load()
        self._habit = PauseHabit()

    def ask_what_is_due(
        self, utterance: OpenUtterance, tail_samples: int, endpoint_samples: int
    ) -> list[DeskOutput]:
        """Ask for what the utterance needs now.

        Its final will hold `tail_samples` of the silence, of which `endpoint_samples` are the end.
        """
        silence = utterance.scored_end_sample - utterance.last_speech_end_sample
        if silence < tail_samples:
            self._habit.end_pause(goes_on=True)
            return self._ask_in_speech(utterance)
        self._habit.pause()
        load = self.load
        ahead_after = ahead_after_samples(
            tail_samples, endpoint_samples, load.stretch, load.final_s
        )
        early_samples = max(0, ahead_after - silence)
        if early_samples and not self._habit.rarely_goes_on:
            return []
        end_sample = utterance.last_speech_end_sample + tail_samples
        wait_s = wait_for_batch_s(early_samples, endpoint_samples - silence, load.final_s)
        return self._ask_ahead(utterance, end_sample, wait_s)

    def _ask_in_speech(self, utterance: OpenUtterance) -> list[DeskOutput]:
        if self._is_vain(utterance.outstanding):
            return [*self._drop(utterance)]
        if not self.options.interim:
            return []
        checkpoints, scored_end = utterance.checkpoints, utterance.scored_end_sample
        self._place_checkpoint(utterance)
        if not checkpoints.is_idle:
            asked = self.ask_checkpoints(utterance)
            if asked or checkpoints.waiting_ids:
                return asked
        is_wanted = self.load.has_interims and utterance.outstanding is None
        if not is_wanted or not is_interim_due(
            scored_end - utterance.start_sample,
            max(0, utterance.decoded_to_sample - utterance.start_sample),
            is_shown=utterance.hypotheses.has_text,
        ):
            return []
        return [self._ask(utterance, scored_end, Purpose.INTERIM)]

    def _place_checkpoint(self, utterance: OpenUtterance) -> None:
        """Have a checkpoint at this place if one is due; on a busy server if decodes get long."""
        checkpoints, scored_end = utterance.checkpoints, utterance.scored_end_sample
        if self.load.has_checkpoints:
            if checkpoints.is_due(scored_end):
                checkpoints.place(scored_end)
        elif checkpoints.is_lone_due(scored_end) and self._may_go_on(
            utterance, scored_end, Purpose.CHECKPOINT
        ):
            checkpoints.place(scored_end, is_lone=True)

    def _is_vain(self, asked: SpanDecode | None) -> bool:
        """Say whether a decode ahead is for nothing now that the voice has gone on.

        Its answer would serve as an interim, which is worth its cost while the server is not busy.
        """
        is_ahead = asked is not None and asked.purpose is Purpose.FINAL
        return is_ahead and not (self.options.interim and self.load.has_checkpoints)

    def ask_checkpoints(self, utterance: OpenUtterance) -> list[DeskOutput]:
        """Ask for the checkpoints that were reached, in place of the outstanding decode."""
        requests = [] if self._must_wait(utterance) else self._checkpoint_requests(utterance)
        return [*self._drop(utterance), *requests] if requests else []

    def ask_final(
        self, utterance: OpenUtterance, end_sample: int
    ) -> tuple[SpanDecode | None, list[DeskOutput]]:
        """Return the final's decode, maybe asked or answered already, and what to ask for it.

        None when it must wait for what is before it: `ask_next_final` asks for it then. A busy
        server's final waits for no checkpoint.
        """
        self._habit.end_pause(goes_on=False)
        outputs: list[DeskOutput] = []
        if not self.load.has_checkpoints:
            outputs += map(CancelDecode, utterance.checkpoints.give_up())
        for known in (utterance.outstanding, utterance.answered):
            if known is not None and (known.end_sample, known.purpose) == (
                end_sample,
                Purpose.FINAL,
            ):
                return known, outputs
        outputs += self._drop(utterance)
        if self._must_wait(utterance):
            return None, outputs
        outputs += self._checkpoint_requests(utterance)
        if self._needs_checkpoints(utterance, end_sample):
            return None, outputs
        request = self._ask(utterance, end_sample, Purpose.FINAL)
        return SpanDecode(request.id, Purpose.FINAL, end_sample), [*outputs, request]

    def ask_next_final(self) -> list[DeskOutput]:
        """Ask for the final that is next, if it has waited and now need not."""
        pending = self._finals.unasked
        if pending is None:
            return []
        outputs: list[DeskOutput] = [*self._checkpoint_requests(pending.utterance)]
        if self._needs_checkpoints(pending.utterance, pending.audio_end_sample):
            return outputs
        request = self._request(pending.utterance, pending.audio_end_sample, Purpose.FINAL)
        pending.request_id = request.id
        return [*outputs, request]

    def renewed(self, utterance: OpenUtterance, request: DecodeRequest) -> DecodeRequest:
        """Return an interim that has waited as it would be asked for now, with the newest audio.

        To be decoded in place of what was asked; any other request comes back as it is.
        """
        asked, end_sample = utterance.outstanding, utterance.scored_end_sample
        is_newer = end_sample > request.end_sample
        waiting = SpanDecode(request.id, Purpose.INTERIM, request.end_sample)
        if asked is None or asked != waiting or not is_newer:
            return request
        utterance.outstanding = replace(asked, end_sample=end_sample)
        return replace(self._request(utterance, end_sample, Purpose.INTERIM), id=request.id)

    def take_answer(
        self, opened: OpenUtterance | None, request_id: int, hypothesis: Hypothesis | None
    ) -> tuple[list[AnsweredOutput], int | None]:
        """Take an answer, None for a failure; one that nobody waits for is ignored.

        Returns what follows from it, and up to where the open utterance is now to be shown, if it
        is. A final that failed falls back to its committed words.
        """
        if self._finals.is_waiting_for(request_id):
            if hypothesis is None:
                published = self._finals.give_up(request_id)
            else:
                published = self._finals.answer(request_id, hypothesis)
            return [*published, *self.ask_next_final()], None
        if opened is None:
            return [], None
        if request_id in opened.checkpoints.waiting_ids:
            shown_to = opened.take_checkpoint(request_id, hypothesis)
            return [*self.ask_checkpoints(opened)], shown_to
        return [], opened.take_hypothesis(request_id, hypothesis)

    def outstanding_requests(self, opened: OpenUtterance | None) -> list[int]:
        """Return the requests that are waited for."""
        ids = self._finals.outstanding_requests()
        if opened is not None:
            ids += opened.checkpoints.waiting_ids
            if opened.outstanding is not None:
                ids.append(opened.outstanding.request_id)
        return ids

    def _ask_ahead(
        self, utterance: OpenUtterance, end_sample: int, slack_s: float
    ) -> list[DeskOutput]:
        """Ask for what will be the final if the silence goes on; in `slack_s` it is time to."""
        if utterance.ahead_to_sample == end_sample or self._must_wait(utterance):
            return []
        outputs: list[DeskOutput] = [*self._drop(utterance), *self._checkpoint_requests(utterance)]
        if self._needs_checkpoints(utterance, end_sample):
            return outputs
        utterance.ahead_to_sample = end_sample
        request = self._ask(utterance, end_sample, Purpose.FINAL)
        return [*outputs, replace(request, slack_s=slack_s)]

    def _ask(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> DecodeRequest:
        """Ask for an interim or final up to `end_sample`; it is then the outstanding one."""
        request = self._request(utterance, end_sample, purpose)
        utterance.outstanding = SpanDecode(request.id, purpose, end_sample)
        return request

    def _checkpoint_requests(self, utterance: OpenUtterance) -> list[DecodeRequest]:
        """Return requests for the checkpoints that were reached and need no other before them."""
        requests = []
        for checkpoint in utterance.checkpoints.unasked:
            if self._needs_checkpoints(utterance, checkpoint.end_sample):
                break
            request = self._request(utterance, checkpoint.end_sample, Purpose.CHECKPOINT)
            checkpoint.request_id = request.id
            requests.append(request)
        return requests

    def _drop(self, utterance: OpenUtterance) -> list[CancelDecode]:
        """Cancel the outstanding decode, which a newer one of this utterance replaces."""
        asked = utterance.supersede()
        return [] if asked is None else [CancelDecode(asked.request_id)]

    def _request(
        self, utterance: OpenUtterance, end_sample: int, purpose: Purpose
    ) -> DecodeRequest:
        utterance.decoded_to_sample = max(utterance.decoded_to_sample, end_sample)
        context = self._context(utterance, end_sample, purpose)
        start_sample = utterance.audio_start_sample
        if context:
            start_sample = context[0].start_sample or 0
        whole = DecodeRequest(
            id=self._next_request_id(),
            purpose=purpose,
            audio=self._buffer.read(start_sample, end_sample),
            start_sample=start_sample,
            language=self._finals.language.language,
            task=self.options.task,
            words=self.options.words,
            prompt=self.options.prompt,
            keyterms=self.options.keyterms,
            context=context,
            num_context_samples=utterance.audio_start_sample - start_sample,
            gives_context=self._gives_context(utterance, end_sample, purpose),
            slack_s=slack_s(
                purpose,
                end_sample - utterance.start_sample,
                is_shown=utterance.hypotheses.has_text,
            ),
        )
        if purpose is Purpose.FINAL and not self.load.has_checkpoints:
            whole = spared_long_window(whole) if self.load.has_exact_finals else hastened(whole)
        if not self._may_go_on(utterance, end_sample, purpose):
            return whole
        committed = utterance.hypotheses.committed
        if purpose is not Purpose.INTERIM and self._may_wait:
            committed = utterance.committed_by(end_sample - LAG_SAMPLES)
        return going_on_from(committed, whole)

    def _gives_context(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> bool:
        """Say whether other decodes will begin at words of this one."""
        is_long = end_sample - utterance.audio_start_sample >= TIMED_FROM_SAMPLES
        is_late_checkpoint = purpose is Purpose.CHECKPOINT and is_long
        return self._has_context and (purpose is Purpose.FINAL or is_late_checkpoint)

    def _needs_checkpoints(self, utterance: OpenUtterance, end_sample: int) -> bool:
        """Say whether a decode up to here goes on from words that are still to be committed.

        A busy server has none committed, and waits for none.
        """
        is_long = self._may_go_on(utterance, end_sample, Purpose.FINAL)
        has_unanswered = utterance.checkpoints.has_unanswered(end_sample - LAG_SAMPLES)
        return is_long and has_unanswered and self._may_wait

    def _may_go_on(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> bool:
        is_long = may_go_on(end_sample - utterance.audio_start_sample, purpose)
        return is_long and utterance.gives_context and self._knows_words

    def _must_wait(self, utterance: OpenUtterance) -> bool:
        return self._may_wait and self._finals.must_wait(utterance.start_sample)

    @property
    def _may_wait(self) -> bool:
        """Whether decodes wait for the words before them; a busy server takes those it has."""
        return self._has_context and self.load.has_checkpoints

    @property
    def _has_context(self) -> bool:
        """Whether finals are decoded together with the words before them."""
        return self.options.task is Task.TRANSCRIBE

    @property
    def _knows_words(self) -> bool:
        """Whether words said before can be forced on the decoder."""
        is_known = self._finals.language.language is not None
        return is_known and self.options.task is Task.TRANSCRIBE

    def _context(
        self, utterance: OpenUtterance, end_sample: int, purpose: Purpose
    ) -> tuple[Word, ...]:
        if purpose is Purpose.INTERIM or not (self._knows_words and self._has_context):
            return ()
        # Between older words and this utterance there would be speech that nobody has written.
        if not self._finals.knows_all_before(utterance):
            return ()
        return self._finals.context.before(utterance.start_sample, end_sample)

"""Which decodes of one channel's utterances are asked for, and when; their answers.

In silence the final is decoded ahead; in speech a checkpoint where one is due, else an interim if
none is on its way. Under load finals are decoded ahead later, and not if the voice goes on
meanwhile; of a voice that rarely does they are asked for at once, and until then wait for a batch
to join. In a long utterance a busy server decodes the next pause at once and to its end, because
the final goes on from there. Interims wait for their turn, then are not asked for at all, and
checkpoints only in long utterances.
A final is decoded together with the words before it, so it waits until those are known. In a long
utterance finals and checkpoints go on from words committed some seconds before, so they wait for
the checkpoints that commit them. Under load they wait for nothing and take what words are known.
"""

from dataclasses import replace

from streaming.continuation import LAG_SAMPLES
from streaming.effects import DecodeRequest, Purpose, WithdrawDecode
from streaming.final_queue import FinalOutput, FinalQueue
from streaming.options import TARGET_RATE_HZ
from streaming.pacing import (
    HEAR_PAUSE_FROM_S,
    PauseHabit,
    ahead_after_samples,
    is_interim_due,
    wait_for_batch_s,
)
from streaming.request_builder import RequestBuilder
from streaming.transcript import Hypothesis
from streaming.utterance import OpenUtterance, SpanDecode

DeskOutput = DecodeRequest | WithdrawDecode
AnsweredOutput = FinalOutput | DeskOutput


class DecodeDesk:
    """Has requests built and notes on the utterance what was asked; `finals` is its channel's."""

    def __init__(self, builder: RequestBuilder, finals: FinalQueue) -> None:
        self._builder = builder
        self._finals = finals
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
        load = self._builder.load
        ahead_after = ahead_after_samples(
            tail_samples, endpoint_samples, load.stretch, load.final_s
        )
        early_samples = max(0, ahead_after - silence)
        if self._shortens_later(utterance):
            early_samples = 0
        if early_samples and not self._habit.rarely_goes_on:
            return []
        end_sample = utterance.last_speech_end_sample + tail_samples
        wait_s = wait_for_batch_s(early_samples, endpoint_samples - silence, load.final_s)
        return self._ask_ahead(utterance, end_sample, wait_s)

    def _ask_in_speech(self, utterance: OpenUtterance) -> list[DeskOutput]:
        if self._is_vain(utterance.outstanding) and not self._shortens_later(utterance):
            return [*self._withdraw(utterance)]
        if not self._builder.options.interim:
            return []
        checkpoints, scored_end = utterance.checkpoints, utterance.scored_end_sample
        self._place_checkpoint(utterance)
        if not checkpoints.is_idle:
            asked = self.ask_checkpoints(utterance)
            if asked or checkpoints.waiting_ids:
                return asked
        is_wanted = self._builder.load.has_interims and utterance.outstanding is None
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
        if self._builder.load.has_checkpoints:
            if checkpoints.is_due(scored_end):
                checkpoints.place(scored_end)
        elif checkpoints.is_lone_due(scored_end) and self._builder.may_go_on(
            utterance, scored_end, Purpose.CHECKPOINT
        ):
            checkpoints.place(scored_end, is_lone=True)

    def _is_vain(self, asked: SpanDecode | None) -> bool:
        """Say whether a decode ahead is for nothing now that the voice has gone on.

        Its answer would serve as an interim, which is worth its cost while the server is not busy.
        """
        is_ahead = asked is not None and asked.purpose is Purpose.FINAL
        return is_ahead and not (
            self._builder.options.interim and self._builder.load.has_checkpoints
        )

    def _shortens_later(self, utterance: OpenUtterance) -> bool:
        """Say whether the final will go on from what is heard in this pause if the voice goes on.

        Only while there are interims: where finals wait, one more would make all of them later.
        """
        load = self._builder.load
        is_busy = load.has_interims and not load.has_checkpoints
        is_long = utterance.unheard_samples >= HEAR_PAUSE_FROM_S * TARGET_RATE_HZ
        return is_busy and is_long and self._builder.can_go_on(utterance)

    def ask_checkpoints(self, utterance: OpenUtterance) -> list[DeskOutput]:
        """Ask for the checkpoints that were reached, in place of the outstanding decode."""
        requests = [] if self._must_wait(utterance) else self._checkpoint_requests(utterance)
        return [*self._withdraw(utterance), *requests] if requests else []

    def ask_final(
        self, utterance: OpenUtterance, end_sample: int
    ) -> tuple[SpanDecode | None, list[DeskOutput]]:
        """Return the final's decode, maybe asked or answered already, and what to ask for it.

        None when it must wait for what is before it: `ask_next_final` asks for it then. A busy
        server's final waits for no checkpoint.
        """
        self._habit.end_pause(goes_on=False)
        outputs: list[DeskOutput] = []
        if not self._builder.load.has_checkpoints:
            outputs += map(WithdrawDecode, utterance.checkpoints.give_up())
        for known in (utterance.outstanding, utterance.answered):
            if known is not None and (known.end_sample, known.purpose) == (
                end_sample,
                Purpose.FINAL,
            ):
                return known, outputs
        outputs += self._withdraw(utterance)
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
        request = self._builder.build(pending.utterance, pending.audio_end_sample, Purpose.FINAL)
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
        return replace(self._builder.build(utterance, end_sample, Purpose.INTERIM), id=request.id)

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
        outputs: list[DeskOutput] = [
            *self._withdraw(utterance),
            *self._checkpoint_requests(utterance),
        ]
        if self._needs_checkpoints(utterance, end_sample):
            return outputs
        utterance.ahead_to_sample = end_sample
        request = self._ask(utterance, end_sample, Purpose.FINAL)
        return [*outputs, replace(request, slack_s=slack_s)]

    def _ask(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> DecodeRequest:
        """Ask for an interim or final up to `end_sample`; it is then the outstanding one."""
        request = self._builder.build(utterance, end_sample, purpose)
        utterance.outstanding = SpanDecode(request.id, purpose, end_sample)
        return request

    def _checkpoint_requests(self, utterance: OpenUtterance) -> list[DecodeRequest]:
        """Return requests for the checkpoints that were reached and need no other before them."""
        requests = []
        for checkpoint in utterance.checkpoints.unasked:
            if self._needs_checkpoints(utterance, checkpoint.end_sample):
                break
            request = self._builder.build(utterance, checkpoint.end_sample, Purpose.CHECKPOINT)
            checkpoint.request_id = request.id
            requests.append(request)
        return requests

    def _withdraw(self, utterance: OpenUtterance) -> list[WithdrawDecode]:
        """Withdraw the outstanding decode, which a newer one of this utterance replaces."""
        asked = utterance.withdraw()
        return [] if asked is None else [WithdrawDecode(asked.request_id)]

    def _needs_checkpoints(self, utterance: OpenUtterance, end_sample: int) -> bool:
        """Say whether a decode up to here goes on from words that are still to be committed.

        A busy server has none committed, and waits for none.
        """
        is_long = self._builder.may_go_on(utterance, end_sample, Purpose.FINAL)
        has_unanswered = utterance.checkpoints.has_unanswered(end_sample - LAG_SAMPLES)
        return is_long and has_unanswered and self._builder.may_wait

    def _must_wait(self, utterance: OpenUtterance) -> bool:
        return self._builder.may_wait and self._finals.must_wait(utterance.start_sample)

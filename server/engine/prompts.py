"""Token prompts for Whisper, with the positions that batching needs.

CTranslate2 requires `<|startoftranscript|>` at the same index in every row of a batch and the same
number of task tokens; text before it is therefore part of the batch key by its length.
"""

from functools import lru_cache

import tokenizers
from faster_whisper.tokenizer import Tokenizer

from streaming.effects import DecodeRequest

MAX_HISTORY_TOKENS = 223
"""Half of Whisper's text positions less `<|startofprev|>`, as in OpenAI's decoder."""


class PromptBuilder:
    """Builds prompts for one model; safe to use from several threads."""

    def __init__(self, hf_tokenizer: tokenizers.Tokenizer, *, is_multilingual: bool) -> None:
        self._hf_tokenizer = hf_tokenizer
        self._is_multilingual = is_multilingual
        self.tokenizer = lru_cache(maxsize=256)(self._make_tokenizer)
        self._history = lru_cache(maxsize=1024)(self._encode_history)
        self._encode = lru_cache(maxsize=1024)(self._encode_text)

    def history(self, request: DecodeRequest) -> list[int]:
        """Return the tokens that precede the transcript: key terms, then the prompt's end.

        A retry has none: text before the transcript is what carries loops on.
        """
        return [] if request.is_retry else self._history(request.prompt, request.keyterms)

    def build(self, language: str, task: str, history: list[int], *, timestamps: bool) -> list[int]:
        """Return a whole prompt; without timestamps it ends in the token that says so."""
        tokenizer = self.tokenizer(language, task)
        previous = [tokenizer.sot_prev, *history] if history else []
        ending = [] if timestamps else [tokenizer.no_timestamps]
        return [*previous, *tokenizer.sot_sequence, *ending]

    def context(self, request: DecodeRequest) -> list[int]:
        """Return the tokens of what was said in the first part of the audio, as decoded before."""
        return self._encode(request.context_text)

    def _make_tokenizer(self, language: str, task: str) -> Tokenizer:
        return Tokenizer(self._hf_tokenizer, self._is_multilingual, task=task, language=language)

    def _encode_history(self, prompt: str, keyterms: tuple[str, ...]) -> list[int]:
        terms = self._encode(_spaced(", ".join(keyterms)))[: MAX_HISTORY_TOKENS // 2]
        room = MAX_HISTORY_TOKENS - len(terms)
        return terms + self._encode(_spaced(prompt))[-room:]

    def _encode_text(self, text: str) -> list[int]:
        ids: list[int] = self._hf_tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def _spaced(text: str) -> str:
    return " " + text if text else ""

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { piecesOf, textOf, Transcript } from '../../clients/browser/transcript.js';

const interim = (utterance, committed, tentative, start = 0) => ({
  utterance, channel: 0, committed, tentative, start, end: start + 1,
});
const final = (utterance, text, start, end, channel = 0) => ({
  utterance, channel, text, start, end, language: 'en', confidence: 0.9,
});

function opened(baseS = 0) {
  const transcript = new Transcript();
  transcript.beginSession(baseS);
  return transcript;
}

test('a final closes its utterance and is never changed', () => {
  const transcript = opened();
  transcript.applyInterim(interim(1, 'Good', ' morning'));
  const entry = transcript.applyFinal(final(1, 'Good morning.', 0, 2));
  assert.equal(transcript.open.size, 0);
  assert.throws(() => (entry.text = 'other'), TypeError);
});

test('a later utterance may open before the earlier final arrives', () => {
  const transcript = opened();
  transcript.applyInterim(interim(1, 'First', ''));
  transcript.applyInterim(interim(2, '', 'second', 3));
  transcript.applyFinal(final(1, 'First.', 0, 2));
  assert.deepEqual([...transcript.open.values()].map(textOf), ['second']);
});

test('an utterance without a final leaves nothing', () => {
  const transcript = opened();
  transcript.applyInterim(interim(1, '', 'hm'));
  transcript.applyEnd({ utterance: 1, channel: 0 });
  assert.ok(transcript.isEmpty);
});

test('numbers and times go on over sessions', () => {
  const transcript = opened();
  transcript.applyFinal(final(1, 'One.', 0, 2));
  transcript.beginSession(10);
  const second = transcript.applyFinal({
    ...final(1, 'Two.', 1, 2),
    words: [{ word: 'Two.', start: 1, end: 2, confidence: 1 }],
  });
  assert.equal(second.number, 2);
  assert.deepEqual([second.start, second.end], [11, 12]);
  assert.equal(second.words[0].start, 11);
});

test('what a lost session left open goes once the new one speaks', () => {
  const transcript = opened();
  transcript.applyInterim(interim(1, 'half a', ' sentence'));
  transcript.beginSession(0);
  assert.equal(transcript.open.size, 1);
  transcript.applyInterim(interim(1, 'half', ' a'));
  assert.deepEqual([...transcript.open.values()].map(textOf), ['half a']);
});

test('settling keeps what was left open', () => {
  const transcript = opened();
  transcript.applyFinal(final(1, 'One.', 0, 2));
  transcript.applyInterim(interim(2, 'half a', ' sentence', 3));
  const [kept] = transcript.settleOpen();
  assert.equal(kept.text, 'half a sentence');
  assert.equal(kept.confidence, null);
  assert.ok(kept.end >= kept.start);
  assert.equal(transcript.open.size, 0);
});

test('marks stand between finals and are not text', () => {
  const transcript = opened();
  transcript.applyFinal(final(1, 'One.', 0, 2));
  transcript.addMark('resumed', { lost_s: 3 });
  assert.deepEqual(transcript.entries.map((entry) => entry.kind), ['final', 'mark']);
  assert.equal(transcript.finals.length, 1);
});

test('pieces joined are the text, whatever the words', () => {
  const text = 'Well, the the end — “quoted”.';
  const words = ['Well,', 'the', ' the', 'missing', 'end', 'quoted'].map((word, at) => ({
    word, start: at, end: at + 1, confidence: 1,
  }));
  const pieces = piecesOf(text, words);
  assert.equal(pieces.map((piece) => piece.text).join(''), text);
  assert.deepEqual(
    pieces.filter((piece) => piece.word).map((piece) => piece.text),
    ['Well,', 'the', 'the', 'end', 'quoted'],
  );
  assert.deepEqual(piecesOf(text, null), [{ text, word: null }]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clock, cuesOf, toSrt, toText, toVtt } from '../../clients/browser/subtitles.js';

const LONG =
  'And Mr. John Dashwood had then leisure to consider how much there might be prudently in his ' +
  'power to do for them. He was not an ill-disposed young man, unless to be rather cold-hearted ' +
  'and rather selfish is to be ill-disposed.';

function final(text, start, end, { words = null, channel = 0 } = {}) {
  const said = { channel, text, start, end, words };
  return { kind: 'final', number: 1, language: 'en', confidence: 1, ...said };
}

function timed(text, start, stepS) {
  const words = text.split(' ').map((word, at) => ({
    word, start: start + at * stepS, end: start + at * stepS + stepS * 0.9, confidence: 0.9,
  }));
  return final(text, start, words.at(-1).end, { words });
}

function assertReadable(cues) {
  for (const cue of cues) {
    assert.ok(cue.lines.length <= 2, 'two lines at most');
    for (const line of cue.lines) assert.ok([...line].length <= 42, `too wide: ${line}`);
    assert.ok(cue.end - cue.start <= 7.001, 'seven seconds at most');
    assert.ok(cue.end > cue.start, 'a cue lasts');
  }
}

const joined = (cues) => cues.flatMap((cue) => cue.lines).join(' ');

test('a long final becomes readable cues that say the same', () => {
  for (const source of [timed(LONG, 3, 0.3), final(LONG, 3, 17)]) {
    const cues = cuesOf([source]);
    assertReadable(cues);
    assert.equal(joined(cues), LONG);
    assert.ok(cues.every((cue) => cue.end - cue.start >= 0.999));
  }
});

test('cues follow the word times', () => {
  const cues = cuesOf([timed(LONG, 3, 0.3)]);
  assert.equal(cues[0].start, 3);
  assert.ok(Math.abs(cues.at(-1).end - timed(LONG, 3, 0.3).end) < 0.001);
});

test('cues of one speaker never overlap', () => {
  const cues = cuesOf([timed('Yes.', 0, 0.2), timed('No.', 0.5, 0.2), timed(LONG, 0.9, 0.25)]);
  for (const [at, cue] of cues.slice(1).entries()) assert.ok(cue.start >= cues[at].end - 0.001);
});

test('a short remark lasts a second where there is room', () => {
  const [cue] = cuesOf([timed('Yes.', 4, 0.2)]);
  assert.equal(cue.end - cue.start, 1);
});

test('short remarks close together share a cue', () => {
  const cues = cuesOf([timed('Yes.', 0, 0.2), timed('No.', 0.5, 0.2)]);
  assert.deepEqual(cues.map((cue) => cue.lines), [['Yes. No.']]);
});

test('slow speech is cut before seven seconds', () => {
  const cues = cuesOf([timed('one two three four five six seven eight', 0, 1.4)]);
  assertReadable(cues);
  assert.ok(cues.length > 1);
});

test('a pause inside an utterance starts a new cue', () => {
  const words = [
    { word: 'Wait.', start: 0, end: 1, confidence: 1 },
    { word: 'Now.', start: 4, end: 5, confidence: 1 },
  ];
  const cues = cuesOf([final('Wait. Now.', 0, 5, { words })]);
  assert.deepEqual(cues.map((cue) => cue.start), [0, 4]);
});

test('text without spaces is cut by character, wide ones counting double', () => {
  const japanese =
    '今日はとても良い天気なので公園まで散歩に' + '行こうと思いますがあなたも一緒に来ませんか';
  const cues = cuesOf([final(japanese, 0, 9)]);
  assert.equal(cues.map((cue) => cue.lines.join('')).join(''), japanese);
  for (const line of cues.flatMap((cue) => cue.lines)) assert.ok([...line].length <= 21);
  assertReadable(cuesOf([final('x'.repeat(200), 0, 9)]));
});

test('srt has numbers, times and a blank line between cues', () => {
  const text = toSrt([timed('Good morning.', 1.5, 0.6)]);
  assert.equal(text, '1\n00:00:01,500 --> 00:00:02,640\nGood morning.\n');
});

test('vtt starts with its name and escapes markup', () => {
  const text = toVtt([final('a < b & c', 0, 2)]);
  assert.equal(text, 'WEBVTT\n\n00:00:00.000 --> 00:00:02.000\na &lt; b &amp; c\n');
});

test('two channels are told apart in every format', () => {
  const finals = [final('Hello?', 0, 2), final('Hi!', 2, 4, { channel: 1 })];
  assert.equal(toText(finals, 2), 'Channel 1: Hello?\nChannel 2: Hi!\n');
  assert.match(toSrt(finals, 2), /\[1\] Hello\?[^]*\[2\] Hi!/);
  assert.match(toVtt(finals, 2), /<v Channel 1>Hello\?[^]*<v Channel 2>Hi!/);
});

test('an empty transcript gives empty but valid files', () => {
  assert.equal(toText([]), '');
  assert.equal(toSrt([]), '');
  assert.equal(toVtt([]), 'WEBVTT\n');
});

test('clock carries over and rounds to milliseconds', () => {
  assert.equal(clock(3661.5, ','), '01:01:01,500');
  assert.equal(clock(59.9996, '.'), '00:01:00.000');
  assert.equal(clock(-1, '.'), '00:00:00.000');
});

test('any text and timing stays readable and complete', () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 300; round += 1) {
    const numWords = 1 + Math.floor(random() * 60);
    const words = Array.from({ length: numWords }, () => 'abcdefghijklmnopqrstuvw'.slice(
      Math.floor(random() * 22)) + (random() < 0.15 ? '.' : random() < 0.1 ? ',' : ''));
    const source = random() < 0.5
      ? timed(words.join(' '), random() * 9, 0.05 + random())
      : final(words.join(' '), 2, 2.1 + random() * 30);
    const cues = cuesOf([source], random() < 0.5 ? 4 : 0);
    assertReadable(cues);
    assert.equal(joined(cues), source.text);
  }
});

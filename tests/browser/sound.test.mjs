import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AudioLog } from '../../clients/browser/audio-log.js';
import { interleave, isStreamable } from '../../clients/browser/file-source.js';
import { LatencyGauge, secondsText } from '../../clients/browser/latency.js';

/** Loads the worklet as the audio thread would, at the given rate. */
async function capture(sampleRate) {
  const posted = [];
  let Processor;
  globalThis.sampleRate = sampleRate;
  globalThis.AudioWorkletProcessor = class {
    port = { postMessage: (message) => posted.push(message) };
  };
  globalThis.registerProcessor = (_name, made) => (Processor = made);
  await import(`../../clients/browser/capture-worklet.js?rate=${sampleRate}`);
  return { processor: new Processor(), posted };
}

test('the worklet posts 60 ms frames of 16-bit samples, and the rest when flushed', async () => {
  const { processor, posted } = await capture(16000);
  const block = new Float32Array(128).fill(0.5);
  for (let at = 0; at < 10; at += 1) processor.process([[block]]);
  assert.deepEqual(posted.map((message) => message.samples.length), [960]);
  assert.equal(posted[0].samples[0], Math.round(0.5 * 32767));
  assert.equal(posted[0].peak, 0.5);
  processor.port.onmessage({ data: 'flush' });
  assert.deepEqual(posted.slice(1).map((message) => message.samples?.length), [320, undefined]);
  assert.equal(posted.at(-1).flushed, true);
});

test('the worklet clips and survives a missing input', async () => {
  const { processor, posted } = await capture(8000);
  processor.process([[]]);
  processor.process([[Float32Array.of(2, -2)]]);
  processor.port.onmessage({ data: 'flush' });
  assert.deepEqual([...posted[0].samples], [32767, -32767]);
});

test('the worklet halves rates above 48 kHz', async () => {
  const { processor, posted } = await capture(96000);
  processor.process([[Float32Array.of(0, 1, 1, 1)]]);
  processor.port.onmessage({ data: 'flush' });
  assert.deepEqual([...posted[0].samples], [16384, 32767]);
});

test('the log gives audio from any place until it is let go', () => {
  const log = new AudioLog(10);
  log.append(Int16Array.of(...Array(10).keys()), 1000);
  log.append(new Int16Array(10).fill(9), 2000);
  assert.deepEqual([...log.chunkAt(0.7).samples], [7, 8, 9]);
  assert.equal(log.chunkAt(0.7).endS, 1);
  assert.equal(log.chunkAt(2), null);
  log.release(1.5);
  assert.equal(log.startS, 1);
  assert.equal(log.chunkAt(0.7).startS, 1);
  assert.equal(log.capturedAtMs(0.5), 500);
});

test('the log keeps no more than it may', () => {
  const log = new AudioLog(10, 5);
  for (let at = 1; at <= 9; at += 1) log.append(new Int16Array(10), at * 1000);
  assert.equal(log.startS, 4);
  assert.equal(log.endS, 9);
});

test('latency shows the latest and the median of what was measured', () => {
  const gauge = new LatencyGauge();
  assert.equal(secondsText(gauge.median), '–');
  for (const seconds of [0.9, 0.1, 0.4, 0.6]) gauge.add(seconds);
  assert.equal(gauge.latest, 0.6);
  assert.equal(secondsText(gauge.median), '0.50 s');
});

test('files the server can read as they arrive are told by their first bytes', () => {
  const heads = ['RIFF....WAVE', 'fLaC', 'OggS', 'ID3', '\x1aE\xdf\xa3', '\xff\xfb\x90'];
  const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  for (const head of heads) assert.ok(isStreamable(bytes(head)), head);
  for (const head of ['\0\0\0 ftypM4A ', 'PK\x03\x04', '']) assert.ok(!isStreamable(bytes(head)));
});

test('decoded channels are averaged to one or woven to two', () => {
  const channels = [Float32Array.of(1, 0), Float32Array.of(0, -1)];
  assert.deepEqual([...interleave(channels, 1)], [16384, -16383]);
  assert.deepEqual([...interleave(channels, 2)], [32767, 0, 0, -32767]);
});

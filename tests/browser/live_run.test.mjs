import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diagnose, LiveRun } from '../../clients/browser/live-run.js';
import { problemFrom } from '../../clients/browser/problems.js';
import { StarlingClient } from '../../clients/browser/starling.js';
import { settle, socketClass } from './scripted_socket.mjs';

const RATE_HZ = 1000;

class ScriptedMicrophone extends EventTarget {
  sampleRate = RATE_HZ;
  isOn = false;
  #heard = 0;

  async start() {
    this.isOn = true;
  }

  async stop() {
    this.isOn = false;
  }

  /** One second; its samples all hold the number of that second. */
  hear(seconds = 1) {
    for (let at = 0; at < seconds; at += 1) {
      const samples = new Int16Array(RATE_HZ).fill(this.#heard);
      this.#heard += 1;
      const detail = { samples, peak: 0.5, capturedAtMs: this.#heard * 1000 };
      this.dispatchEvent(new CustomEvent('frame', { detail }));
    }
  }
}

/** A run that ends with its test. */
function setUp(t) {
  const sockets = socketClass();
  const microphone = new ScriptedMicrophone();
  const client = new StarlingClient({ url: 'http://localhost/', WebSocket: sockets });
  const run = new LiveRun({
    client, microphone, optionsNow: () => ({ words: true }), diagnose: async (e) => problemFrom(e),
  });
  const heard = [];
  for (const type of ['state', 'session', 'message', 'resumed', 'over']) {
    run.addEventListener(type, ({ detail }) => heard.push({ ...detail, type, of: detail.type }));
  }
  const told = (type) => heard.filter((event) => event.type === type);
  const done = run.start('');
  t.after(async () => {
    await run.stop();
    sockets.made.at(-1).drop();
    await done;
  });
  return { run, microphone, sockets: sockets.made, heard, told, done };
}

const secondsIn = (socket) => socket.audio.map((samples) => samples[0]);

async function goLive(parts) {
  await settle();
  parts.sockets[0].accept();
  await settle();
}

async function reconnect({ run, sockets }) {
  await settle();
  run.retryNow();
  await settle();
  sockets.at(-1).accept();
  await settle();
}

test('words spoken before the session opened are sent too', async (t) => {
  const parts = setUp(t);
  await settle();
  parts.microphone.hear(2);
  parts.sockets[0].accept();
  await settle();
  parts.microphone.hear(1);
  await settle();
  assert.deepEqual(secondsIn(parts.sockets[0]), [0, 1, 2]);
  assert.equal(parts.sockets[0].texts[0].sample_rate, RATE_HZ);
});

test('after a lost connection the open utterance is sent again from its start', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.microphone.hear(6);
  await settle();
  const socket = parts.sockets[0];
  socket.say('speech_started', { utterance: 1, channel: 0, start: 0 });
  socket.say('final', { utterance: 1, channel: 0, text: 'One.', start: 0, end: 2 });
  socket.say('utterance_ended', { utterance: 1, channel: 0, end: 2, reason: 'silence' });
  socket.say('ack', { offset: 2 });
  socket.say('speech_started', { utterance: 2, channel: 0, start: 4 });
  socket.say('ack', { offset: 5 });
  socket.drop();
  await settle();
  parts.microphone.hear(2);
  await reconnect(parts);
  assert.deepEqual(secondsIn(parts.sockets[1]), [4, 5, 6, 7]);
  assert.deepEqual(parts.told('resumed').map(({ atS, lostS }) => [atS, lostS]), [[4, 0]]);
  assert.equal(parts.told('session').at(-1).baseS, 4);
});

test('a break longer than the log is told as a gap', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.sockets[0].drop();
  await settle();
  parts.microphone.hear(90);
  await reconnect(parts);
  assert.deepEqual(parts.told('resumed').map(({ atS, lostS }) => [atS, lostS]), [[30, 30]]);
  assert.equal(secondsIn(parts.sockets[1])[0], 30);
});

test('a server that cannot be reached at first ends the run', async (t) => {
  const parts = setUp(t);
  await settle();
  parts.sockets[0].drop();
  await parts.done;
  assert.equal(parts.told('over')[0].problem.kind, 'unreachable');
  assert.equal(parts.microphone.isOn, false);
});

test('a busy server is asked again after the time it named', async (t) => {
  const parts = setUp(t);
  await settle();
  const socket = parts.sockets[0];
  socket.onopen();
  socket.say('error', {
    code: 'overloaded', message: 'full', hint: 'wait', retryable: true, retry_after_s: 7,
  });
  socket.say('closed', { reason: 'overloaded', summary: {} });
  await settle();
  assert.equal(parts.told('state').at(-1).waitS, 7);
  parts.microphone.hear(1);
  await reconnect(parts);
  assert.deepEqual(secondsIn(parts.sockets[1]), [0]);
  assert.deepEqual(parts.told('resumed'), []);
});

test('an error that cannot be retried ends the run with its hint', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.sockets[0].say('error', {
    code: 'session_too_long', message: 'two hours are over', hint: 'start again', retryable: false,
  });
  parts.sockets[0].say('closed', { reason: 'session_too_long', summary: {} });
  await parts.done;
  const { problem } = parts.told('over')[0];
  assert.deepEqual([problem.message, problem.next], ['Two hours are over.', 'Start again.']);
});

test('stopping sends the rest and waits for the last finals', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.microphone.hear(3);
  await parts.run.stop();
  await settle();
  const socket = parts.sockets[0];
  assert.deepEqual(secondsIn(socket), [0, 1, 2]);
  assert.deepEqual(socket.texts.at(-1), { type: 'stop' });
  socket.say('final', { utterance: 1, channel: 0, text: 'Bye.', start: 0, end: 3 });
  socket.say('closed', { reason: 'stop', summary: {} });
  await parts.done;
  assert.deepEqual(parts.told('message').map((event) => event.of), ['final']);
  assert.equal(parts.told('over')[0].problem, null);
});

test('stopping while disconnected ends the run', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.sockets[0].drop();
  await settle();
  await parts.run.stop();
  await parts.done;
  assert.equal(parts.told('over')[0].problem.kind, 'lost');
});

test('the moment a sound was captured is known after it was sent', async (t) => {
  const parts = setUp(t);
  await goLive(parts);
  parts.microphone.hear(3);
  assert.equal(parts.run.capturedAtMs(2.5), 2500);
  assert.equal(parts.run.capturedAtMs(9), null);
});

test('a refused handshake is explained by asking the server', async () => {
  const failure = { code: 'unreachable' };
  const ready = { isReady: async () => true };
  assert.equal((await diagnose(ready, true, failure)).kind, 'unauthenticated');
  assert.equal((await diagnose(ready, false, failure)).kind, 'refused');
  const loading = { isReady: async () => false };
  assert.equal((await diagnose(loading, false, failure)).kind, 'loading');
  const gone = { isReady: async () => { throw new Error('no answer'); } };
  assert.equal((await diagnose(gone, true, failure)).kind, 'unreachable');
});

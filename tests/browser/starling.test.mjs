import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StarlingClient } from '../../clients/browser/starling.js';
import { settle, socketClass } from './scripted_socket.mjs';

const SUMMARY = { audio_s: 1, speech_s: 1, utterances: 1, finals: 1 };

function dial(options = {}, settings = {}) {
  const WebSocket = socketClass();
  const client = new StarlingClient({ url: 'https://captions.example/', WebSocket, ...settings });
  const opening = client.open(options);
  return { opening, socket: WebSocket.made[0] };
}

async function connect(settings) {
  const { opening, socket } = dial({}, settings);
  socket.accept();
  return { session: await opening, socket };
}

test('start is the first message and ready opens the session', async () => {
  const { opening, socket } = dial({ encoding: 'pcm_s16le', sample_rate: 16000 });
  socket.accept({ language: 'en' });
  const session = await opening;
  assert.deepEqual(socket.texts, [
    { type: 'start', encoding: 'pcm_s16le', sample_rate: 16000 },
  ]);
  assert.equal(socket.url, 'wss://captions.example/v1/stream');
  assert.equal(session.options.language, 'en');
  assert.equal(session.state, 'open');
});

test('the key travels as a subprotocol and never in the address', () => {
  const { socket } = dial({}, { apiKey: 'k-123' });
  assert.deepEqual(socket.protocols, ['bearer', 'k-123']);
  assert.ok(!socket.url.includes('k-123'));
});

test('a refusal before ready rejects open with the server’s words', async () => {
  const { opening, socket } = dial();
  socket.onopen();
  socket.say('error', {
    code: 'overloaded', message: 'full', hint: 'wait', retryable: true, retry_after_s: 3,
  });
  socket.say('closed', { reason: 'overloaded', summary: SUMMARY });
  const told = { code: 'overloaded', hint: 'wait', retryable: true, retryAfterS: 3 };
  await assert.rejects(opening, told);
});

test('a failed handshake rejects open as unreachable', async () => {
  const { opening, socket } = dial();
  socket.drop();
  await assert.rejects(opening, { code: 'unreachable', retryable: true });
});

test('messages become events of the same name', async () => {
  const { session, socket } = await connect();
  const heard = [];
  for (const type of ['speech_started', 'interim', 'final', 'utterance_ended', 'ack', 'warning']) {
    session.addEventListener(type, ({ detail }) => heard.push([type, detail.seq]));
    socket.say(type);
  }
  assert.deepEqual(heard.map(([type]) => type), [
    'speech_started', 'interim', 'final', 'utterance_ended', 'ack', 'warning',
  ]);
  assert.deepEqual(heard.map(([, seq]) => seq), [2, 3, 4, 5, 6, 7]);
});

test('sendAudio waits while too much is unsent', async () => {
  const { session, socket } = await connect({ maxBufferedBytes: 10 });
  socket.bufferedAmount = 11;
  let isDone = false;
  const sending = session.sendAudio(new Int16Array(4)).then(() => (isDone = true));
  await settle();
  assert.equal(isDone, false);
  socket.bufferedAmount = 10;
  await sending;
  assert.equal(socket.audio.length, 1);
});

test('stop resolves with closed after the remaining finals', async () => {
  const { session, socket } = await connect();
  const finals = [];
  session.addEventListener('final', ({ detail }) => finals.push(detail.text));
  const stopping = session.stop();
  assert.deepEqual(socket.texts.at(-1), { type: 'stop' });
  socket.say('final', { text: 'last words' });
  socket.say('closed', { reason: 'stop', summary: SUMMARY });
  assert.deepEqual((await stopping).summary, SUMMARY);
  assert.deepEqual(finals, ['last words']);
});

test('a connection that ends without closed is lost', async () => {
  const { session, socket } = await connect();
  const events = [];
  for (const type of ['lost', 'closed']) session.addEventListener(type, () => events.push(type));
  const stopping = session.stop();
  socket.drop();
  await assert.rejects(stopping, { code: 'lost', retryable: true });
  await assert.rejects(session.sendAudio(new Int16Array(1)), { code: 'lost' });
  assert.deepEqual(events, ['lost']);
});

test('closing after closed is not a loss', async () => {
  const { session, socket } = await connect();
  session.addEventListener('lost', () => assert.fail('told as lost'));
  const stopping = session.stop();
  socket.say('closed', { reason: 'stop', summary: SUMMARY });
  socket.drop(1000);
  await stopping;
});

test('numbers may be left out, and a repeated one is not heard twice', async () => {
  const { socket, session } = await connect();
  const heard = [];
  session.addEventListener('final', ({ detail }) => heard.push(detail.text));
  socket.seq = 7;
  socket.say('final', { text: 'one' });
  socket.seq -= 1;
  socket.say('final', { text: 'one' });
  assert.deepEqual(heard, ['one']);
  assert.equal(session.state, 'open');
});

const PCM = { encoding: 'pcm_s16le', channels: 1 };

async function resumable() {
  const WebSocket = socketClass();
  const client = new StarlingClient({ url: 'https://captions.example/', WebSocket });
  const opening = client.open();
  const socket = WebSocket.made[0];
  socket.onopen();
  socket.say('ready', { session: 'abc', secret: 'x', options: PCM });
  return { session: await opening, socket, made: WebSocket.made };
}

test('a lost connection is replaced and audio is sent again from the named sample', async () => {
  const { socket, session, made } = await resumable();
  const told = [];
  for (const type of ['reconnecting', 'resumed', 'lost', 'final']) {
    session.addEventListener(type, () => told.push(type));
  }
  await session.sendAudio(new Int16Array([1, 2, 3]));
  socket.say('ack', { offset: 0, sample: 1 });
  await session.sendAudio(new Int16Array([4, 5]));
  socket.drop();
  await session.sendAudio(new Int16Array([6]));
  session.reconnect();
  const again = made.at(-1);
  again.onopen();
  assert.deepEqual(again.texts, [
    { type: 'resume', session: 'abc', secret: 'x', last_seq: socket.seq },
  ]);
  again.seq = socket.seq;
  again.say('final', { text: 'missed' });
  again.say('resumed', { session: 'abc', options: PCM, offset: 0, sample: 2 });
  const samples = again.audio.flatMap((bytes) => [...new Int16Array(bytes.slice().buffer)]);
  assert.deepEqual(samples, [3, 4, 5, 6]);
  assert.deepEqual(told, ['reconnecting', 'final', 'resumed']);
  session.abort();
});

test('a finalize that was not answered is asked again in its place', async () => {
  const { socket, session, made } = await resumable();
  await session.sendAudio(new Int16Array([1, 2]));
  const finalized = session.finalize();
  await session.sendAudio(new Int16Array([3]));
  socket.drop();
  session.reconnect();
  const again = made.at(-1);
  again.onopen();
  again.seq = socket.seq;
  again.say('resumed', { session: 'abc', options: PCM, offset: 0, sample: 1 });
  const kinds = again.sent.slice(1).map((sent) => (typeof sent === 'string' ? 'text' : 'audio'));
  assert.deepEqual(kinds, ['audio', 'text', 'audio']);
  again.say('finalized', { offset: 1.5 });
  assert.equal(await finalized, 1.5);
  session.abort();
});

test('a session that is gone ends as lost', async () => {
  const { socket, session, made } = await resumable();
  const over = session.stop();
  socket.drop();
  session.reconnect();
  const again = made.at(-1);
  again.onopen();
  again.say('error', { code: 'session_not_found', message: 'Gone.', retryable: false });
  again.say('closed', { reason: 'session_not_found' });
  again.drop(1008);
  await assert.rejects(over, { code: 'lost', retryable: true });
});

test('update resolves with the options in force', async () => {
  const { session, socket } = await connect();
  const updating = session.update({ words: true });
  assert.deepEqual(socket.texts.at(-1), { type: 'update', words: true });
  socket.say('updated', { options: { words: true, endpoint_silence_ms: 500 } });
  assert.equal((await updating).words, true);
  assert.equal(session.options.words, true);
});

test('finalize resolves with the offset', async () => {
  const { session, socket } = await connect();
  const finalizing = session.finalize();
  socket.say('finalized', { offset: 2.5 });
  assert.equal(await finalizing, 2.5);
});

test('what was asked when the connection is lost is rejected', async () => {
  const { session, socket } = await connect();
  const asked = [session.ping(), session.finalize(), session.update({ interim: false })];
  socket.drop();
  for (const answer of asked) await assert.rejects(answer, { code: 'lost' });
});

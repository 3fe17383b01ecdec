/**
 * Starling's client for browsers: live captions over a WebSocket. No dependencies; `kept-audio.js`
 * belongs to it.
 *
 *     import { StarlingClient } from './starling.js';
 *
 *     const client = new StarlingClient({ url: 'http://localhost:8080' });
 *     const session = await client.open({ encoding: 'pcm_s16le', sample_rate: 16000 });
 *     session.addEventListener('final', (event) => console.log(event.detail.text));
 *     await session.sendAudio(samples); // Int16Array or bytes; waits while the server is behind
 *     await session.stop(); // resolves with `closed` once every final has arrived
 *
 * Event names are the server's message types, and `event.detail` is the message as it came. Two
 * more come from here: `reconnecting` {attempt, waitS}, when the connection broke and is being
 * replaced (then `resumed` follows, and the transcript goes on as if nothing had happened), and
 * `lost`, when that failed; its detail is a StarlingError. A session ends with exactly one of
 * `closed` and `lost`.
 */

import { KeptAudio } from './kept-audio.js';

/**
 * @typedef {object} SessionOptions
 * @property {'pcm_s16le'|'pcm_f32le'|'mulaw'|'alaw'|'container'} [encoding]
 *   Raw samples, or `container` for WebM, Ogg, MP3, FLAC and WAV files (default).
 * @property {number} [sample_rate] Samples per second of raw audio, 8000 to 48000.
 * @property {1|2} [channels] Interleaved channels (default 1).
 * @property {'split'|'mix'} [channel_mode] Two channels: a transcript each, or one.
 * @property {string} [model] A model that the server has loaded.
 * @property {string} [language] A code such as `en`, or `auto`.
 * @property {'transcribe'|'translate'} [task] `translate` renders any language in English.
 * @property {boolean} [interim] Send guesses while speech goes on (default true).
 * @property {boolean} [words] Send word times and confidence (default false).
 * @property {number} [endpoint_silence_ms] Silence that ends an utterance.
 * @property {number} [max_utterance_s] Longest utterance in seconds.
 * @property {string} [prompt] Text that the speech is likely to continue.
 * @property {string[]} [keyterms] Words or names to favour.
 */

/** @typedef {{word: string, start: number, end: number, confidence: number}} Word */
/** @typedef {{type: string, seq: number, [field: string]: any}} ServerMessage */

const DEFAULT_MAX_BUFFERED_BYTES = 256 * 1024;
const BUFFER_POLL_MS = 20;
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const RECONNECT_FOR_MS = 60_000;
const FIRST_WAIT_S = 0.1;
const MAX_WAIT_S = 5;
const SAMPLE_BYTES = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 };

/** A failure with a code, a sentence, a next step, and whether trying again can help. */
export class StarlingError extends Error {
  /** @param {{code: string, message: string, hint?: string, retryable?: boolean,
   *          retry_after_s?: number|null}} failure */
  constructor({ code, message, hint = '', retryable = false, retry_after_s = null }) {
    super(message);
    this.name = 'StarlingError';
    this.code = code;
    this.hint = hint;
    this.retryable = retryable;
    this.retryAfterS = retry_after_s;
  }
}

/** One Starling server: opens sessions and tells what the server offers. */
export class StarlingClient {
  #url;
  #apiKey;
  #socketClass;
  #maxBufferedBytes;

  /**
   * @param {object} [settings]
   * @param {string|URL} [settings.url] The server's http(s) address (default: this page's).
   * @param {string} [settings.apiKey] Sent as a WebSocket subprotocol, never in the address.
   * @param {number} [settings.maxBufferedBytes] Unsent audio at which `sendAudio` waits.
   * @param {typeof WebSocket} [settings.WebSocket] For runtimes without one of their own.
   */
  constructor(settings = {}) {
    this.#url = new URL(settings.url ?? './', globalThis.location?.href);
    this.#apiKey = settings.apiKey ?? '';
    this.#socketClass = settings.WebSocket ?? globalThis.WebSocket;
    this.#maxBufferedBytes = settings.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES;
  }

  /** What the server is and offers: version, models with languages, limits, auth. */
  async info() {
    const response = await this.#get('v1/info');
    if (!response.ok) throw await failureOf(response);
    return response.json();
  }

  /** Whether the server takes sessions now; throws only where it cannot be reached. */
  async isReady() {
    return (await this.#get('readyz')).ok;
  }

  /**
   * Opens a session; resolves once the server has said `ready`.
   * @param {SessionOptions} [options]
   * @returns {Promise<StarlingSession>}
   * @throws {StarlingError} What the server refused and why, or `unreachable`.
   */
  open(options = {}) {
    const address = new URL('v1/stream', this.#url);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const protocols = this.#apiKey ? ['bearer', this.#apiKey] : [];
    const connect = () => new this.#socketClass(address.href, protocols);
    try {
      return StarlingSession.start(connect, options, this.#maxBufferedBytes);
    } catch (cause) {
      return Promise.reject(badKeyOr(cause, this.#apiKey));
    }
  }

  async #get(path) {
    const headers = this.#apiKey ? { Authorization: `Bearer ${this.#apiKey}` } : {};
    try {
      return await fetch(new URL(path, this.#url), { headers, cache: 'no-store' });
    } catch {
      throw unreachable();
    }
  }
}

/** One session, over as many connections as it takes. Made by `StarlingClient.open`. */
export class StarlingSession extends EventTarget {
  #connect;
  #socket;
  #maxBufferedBytes;
  #kept = new KeptAudio(MAX_KEPT_BYTES);
  #frameBytes = 1;
  #secret = '';
  #isOnline = true;
  #attempt = 0;
  #giveUpAtMs = 0;
  #withinS = 0;
  #retryTimer = null;
  #failure = null;
  #lastSeq = 0;
  #replies = { updated: [], finalized: [], pong: [] };
  #settleReady;
  #settleOver;

  /** The options in force, after the server's defaults and limits. */
  options = null;
  /** The session's id, for logs and support. */
  id = null;
  /** @type {'opening'|'open'|'stopping'|'over'} */
  state = 'opening';

  /** Internal: sends `start` on a fresh socket and waits for `ready`. */
  static start(connect, options, maxBufferedBytes) {
    const session = new StarlingSession(connect, maxBufferedBytes);
    session.#open({ type: 'start', ...options });
    return session.#ready.then(() => session);
  }

  /** @param {() => WebSocket} connect Makes a socket to the server, each time it is called. */
  constructor(connect, maxBufferedBytes = DEFAULT_MAX_BUFFERED_BYTES) {
    super();
    this.#connect = connect;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }));
    this.#over = new Promise((resolve, reject) => (this.#settleOver = { resolve, reject }));
    this.#over.catch(() => {}); // `lost` tells listeners; only stop() also throws it.
  }

  #ready;
  #over;

  /** What opens the session to resume, share and erase it; readers get a share instead. */
  get secret() {
    return this.#secret;
  }

  /** Whether the connection broke and is being replaced. */
  get isReconnecting() {
    return !this.#isOnline && this.state !== 'over';
  }

  /** Bytes handed over but not yet sent. */
  get bufferedBytes() {
    return this.#socket.bufferedAmount;
  }

  /**
   * Sends audio; resolves once there is room for more, so awaiting it follows the server's pace.
   * @param {Int16Array|ArrayBuffer|ArrayBufferView} audio Samples or file bytes, any amount.
   * @throws {StarlingError} The session is over.
   */
  async sendAudio(audio) {
    this.#assertOpen();
    const bytes = bytesOf(audio);
    this.#kept.add(bytes);
    if (this.#isOnline) this.#socket.send(bytes);
    while (this.#isOnline && this.#socket.bufferedAmount > this.#maxBufferedBytes) {
      await new Promise((resolve) => setTimeout(resolve, BUFFER_POLL_MS));
      this.#assertOpen();
    }
  }

  /** Ends the current utterance now; resolves with the audio offset in seconds. */
  async finalize() {
    return (await this.#ask({ type: 'finalize' }, 'finalized')).offset;
  }

  /**
   * Changes options mid-stream; resolves with the options in force.
   * @param {SessionOptions} changes Only language, task, interim, words, endpoint_silence_ms,
   *   max_utterance_s, prompt and keyterms may change.
   */
  async update(changes) {
    return (await this.#ask({ type: 'update', ...changes }, 'updated')).options;
  }

  /** Resolves once the server has answered; shows that the connection is alive. */
  async ping() {
    if (this.isReconnecting) throw lost(1006);
    await this.#ask({ type: 'ping' }, 'pong');
  }

  /** Gives the connection up as dead and replaces it; while it is being replaced, tries now. */
  reconnect() {
    if (this.isReconnecting) return this.#retry();
    if (this.state !== 'over') this.#lose(1006);
  }

  /**
   * Ends the audio; resolves with `closed` after the last final.
   * @returns {Promise<ServerMessage>}
   * @throws {StarlingError} The session failed, or the connection was lost, before `closed`.
   */
  stop() {
    if (this.state === 'open') {
      this.state = 'stopping';
      this.#send({ type: 'stop' });
    }
    return this.#over;
  }

  /** Drops the connection without waiting for the remaining finals; `lost` says why. */
  abort(reason = aborted()) {
    this.#leave(this.#socket);
    this.#end(1000, reason);
  }

  #open(first) {
    const socket = this.#connect();
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lose(event.code);
  }

  #leave(socket) {
    socket.onmessage = socket.onclose = socket.onopen = null;
    socket.close();
  }

  /** Sends a message, now or when there is a connection again; a ping is for this one only. */
  #send(message) {
    const text = JSON.stringify(message);
    if (message.type !== 'ping') this.#kept.add(text);
    if (this.#isOnline) this.#socket.send(text);
  }

  #lose(closeCode) {
    if (this.state === 'over') return;
    if (!this.#secret || (this.#isOnline && this.#failure)) return this.#end(closeCode);
    this.#leave(this.#socket);
    const nowMs = performance.now();
    if (this.#isOnline) {
      this.#giveUpAtMs = nowMs + RECONNECT_FOR_MS;
      this.#rejectReplies(lost(closeCode), ['pong']);
    }
    this.#isOnline = false;
    const failure = this.#failure;
    const isOver = nowMs > this.#giveUpAtMs || (failure && !failure.retryable);
    // A new session can still be opened; what is over is this one.
    if (failure?.code === 'session_not_found') return this.#end(closeCode, gone());
    if (isOver) return this.#end(closeCode);
    this.#failure = null;
    const spanS = Math.min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** this.#attempt);
    const waitS = Math.random() * Math.max(spanS, this.#withinS);
    this.#withinS = 0;
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#retry(), waitS * 1000);
    const detail = { attempt: this.#attempt, waitS };
    this.dispatchEvent(new CustomEvent('reconnecting', { detail }));
  }

  #retry() {
    clearTimeout(this.#retryTimer);
    this.#leave(this.#socket);
    const { id: session } = this;
    this.#open({ type: 'resume', session, secret: this.#secret, last_seq: this.#lastSeq });
  }

  #goOn(message) {
    const again = this.#kept.from(message.sample * this.#frameBytes);
    if (again === null) return this.abort(notKept());
    this.options = message.options;
    this.#isOnline = true;
    this.#attempt = 0;
    for (const data of again) this.#socket.send(data);
  }

  #assertOpen() {
    if (this.state !== 'open') throw this.#failure ?? sessionOver();
  }

  #ask(message, reply) {
    if (this.state !== 'open') return Promise.reject(this.#failure ?? sessionOver());
    return new Promise((resolve, reject) => {
      this.#replies[reply].push({ resolve, reject });
      this.#send(message);
    });
  }

  #receive(message) {
    if (this.isReconnecting && message.type === 'error') {
      this.#failure = new StarlingError(message);
      return;
    }
    if (this.isReconnecting && this.#failure) return; // the refusal's own `closed`
    if (message.seq <= this.#lastSeq) return;
    this.#lastSeq = message.seq;
    if (message.type === 'ready') this.#becomeReady(message);
    if (message.type === 'resumed') this.#goOn(message);
    if (message.type === 'going_away') this.#withinS = message.reconnect_within_s;
    if (message.type === 'ack') this.#kept.forget(message.sample * this.#frameBytes);
    if (message.type === 'updated') this.options = message.options;
    if (message.type === 'error') this.#failure = new StarlingError(message);
    this.#replies[message.type]?.shift()?.resolve(message);
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
    if (message.type === 'closed') this.#finish(message);
  }

  #becomeReady(message) {
    this.id = message.session;
    this.#secret = message.secret ?? '';
    const { encoding, channels } = message.options;
    this.#frameBytes = (SAMPLE_BYTES[encoding] ?? 0) * channels || 1;
    this.options = message.options;
    this.state = 'open';
    this.#settleReady.resolve();
  }

  #finish(closed) {
    const failure = this.#failure;
    this.state = 'over';
    this.#settleReady.reject(failure ?? sessionOver());
    this.#rejectReplies(failure ?? sessionOver());
    if (failure) this.#settleOver.reject(failure);
    else this.#settleOver.resolve(closed);
  }

  #end(closeCode, reason = null) {
    if (this.state === 'over') return;
    clearTimeout(this.#retryTimer);
    const failure = reason ?? this.#failure ?? (this.id ? lost(closeCode) : unreachable());
    this.state = 'over';
    this.#failure = failure;
    this.#settleReady.reject(failure);
    this.#rejectReplies(failure);
    this.#settleOver.reject(failure);
    this.dispatchEvent(new CustomEvent('lost', { detail: failure }));
  }

  #rejectReplies(failure, kinds = Object.keys(this.#replies)) {
    for (const kind of kinds) {
      for (const { reject } of this.#replies[kind].splice(0)) reject(failure);
    }
  }
}

/** Copies audio, which the caller may overwrite, into bytes of our own. */
function bytesOf(audio) {
  if (ArrayBuffer.isView(audio)) {
    return new Uint8Array(audio.buffer, audio.byteOffset, audio.byteLength).slice();
  }
  return new Uint8Array(audio).slice();
}

const gone = () =>
  new StarlingError({
    code: 'lost',
    message: 'The connection was lost, and the server knows the session no more.',
    hint: 'Open a new session and send the audio that came after the last final again.',
    retryable: true,
  });

const notKept = () =>
  new StarlingError({
    code: 'lost',
    message: 'The connection was lost, and the audio to go on with is not kept any more.',
    hint: 'Open a new session.',
    retryable: true,
  });

export const unreachable = () =>
  new StarlingError({
    code: 'unreachable',
    message: 'The server cannot be reached.',
    hint: 'Check that it is running and that the address is right, then try again.',
    retryable: true,
  });

const lost = (closeCode) =>
  new StarlingError({
    code: 'lost',
    message: `The connection ended early (close code ${closeCode}).`,
    hint: 'Open a new session and send the audio that came after the last final again.',
    retryable: true,
  });

const aborted = () => new StarlingError({ code: 'aborted', message: 'The session was cancelled.' });

const sessionOver = () =>
  new StarlingError({
    code: 'session_over',
    message: 'This session is over.',
    hint: 'Open a new session.',
  });

function badKeyOr(cause, apiKey) {
  if (!apiKey) return cause;
  return new StarlingError({
    code: 'unauthenticated',
    message: 'The API key has characters that a browser cannot send.',
    hint: 'Use a key of letters, digits and -._~ only.',
  });
}

export async function failureOf(response) {
  const body = await response.json().catch(() => ({}));
  const message = `The server answered with HTTP ${response.status}.`;
  return new StarlingError({
    code: 'http',
    message,
    retryable: response.status >= 500,
    ...body.error,
  });
}

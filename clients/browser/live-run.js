/**
 * Captions from the microphone until told to stop, across as many sessions as that takes.
 *
 * Theory of operation: frames go into an AudioLog; a pump sends from a cursor in that log. A session
 * replaces a lost connection by itself. Where it cannot, the cursor moves back to what no final
 * covers, so a new session hears it again and, if the break was shorter than the log, nothing is
 * missed. Times told to listeners
 * are seconds since the microphone was opened, whatever the session.
 *
 * Events: `state` {state, waitS}, `session` {baseS, options, session}, `message` (server message, with
 * `baseS`), `resumed` {atS, lostS}, `level` {peak}, `over` {problem: Problem|null}.
 */

import { AudioLog } from './audio-log.js';
import { Problem, problemFrom } from './problems.js';
import { StarlingError } from './starling.js';

const WAITS_S = [0.5, 1, 2, 4, 8, 8, 8, 8];
const PING_EVERY_MS = 5000;
const SILENT_SERVER_MS = 20000;
const GAP_S = 0.05;
const FORWARDED = ['speech_started', 'interim', 'final', 'utterance_ended', 'ack', 'warning'];

export class LiveRun extends EventTarget {
  #client;
  #microphone;
  #optionsNow;
  #diagnose;
  #session = null;
  #log = null;
  #cursorS = 0;
  #coveredS = 0;
  #openStarts = new Map();
  #isStopping = false;
  #hasBeenReady = false;
  #micProblem = null;
  #numFailures = 0;
  #lastHeardMs = 0;
  #wake = () => {};

  /**
   * @param {object} parts
   * @param {import('./starling.js').StarlingClient} parts.client
   * @param {import('./microphone.js').Microphone} parts.microphone
   * @param {() => import('./starling.js').SessionOptions} parts.optionsNow Asked at each session.
   * @param {(failure: Error) => Promise<Problem>} parts.diagnose Says why opening failed.
   */
  constructor({ client, microphone, optionsNow, diagnose }) {
    super();
    this.#client = client;
    this.#microphone = microphone;
    this.#optionsNow = optionsNow;
    this.#diagnose = diagnose;
  }

  /** Runs until stopped or failed; `over` comes last. Never throws. */
  async start(deviceId) {
    let problem = null;
    try {
      this.#tell('state', { state: 'starting' });
      await this.#openMicrophone(deviceId);
      if (!this.#isStopping) await this.#keepConnected();
    } catch (failure) {
      problem = problemFrom(failure);
    }
    this.#isStopping = true;
    await this.#microphone.stop();
    this.#tell('over', { problem: problem ?? this.#micProblem });
  }

  /** Sends what is left, waits for the last finals, then `over`. */
  async stop() {
    this.#tell('state', { state: 'finishing' });
    await this.#microphone.stop();
    this.#isStopping = true;
    if (this.#session?.isReconnecting) {
      this.#session.abort(new StarlingError({ code: 'lost', message: 'Lost.', retryable: true }));
    }
    this.#wake();
  }

  /** Tries to reconnect now rather than when the wait is up. */
  retryNow() {
    if (this.#session?.isReconnecting) this.#session.reconnect();
    if (!this.#session) this.#wake();
  }

  /** Ends the current utterance now. */
  finalize() {
    return this.#session?.finalize();
  }

  /** Changes options of the running session, if there is one. */
  update(changes) {
    return this.#session?.update(changes);
  }

  /** When the audio at `offsetS` was captured, in `performance.now()` milliseconds, or null. */
  capturedAtMs(offsetS) {
    return this.#log.capturedAtMs(offsetS);
  }

  async #openMicrophone(deviceId) {
    this.#microphone.addEventListener('frame', ({ detail }) => {
      this.#log ??= new AudioLog(this.#microphone.sampleRate);
      this.#log.append(detail.samples, detail.capturedAtMs);
      this.#tell('level', { peak: detail.peak });
      if (this.#session) this.#wake();
    });
    this.#microphone.addEventListener('unplugged', () => {
      this.#micProblem = new Problem('mic_unplugged');
      this.stop();
    });
    await this.#microphone.start(deviceId);
    this.#log ??= new AudioLog(this.#microphone.sampleRate);
  }

  async #keepConnected() {
    for (;;) {
      try {
        return await this.#runSession();
      } catch (failure) {
        const problem = await this.#problemOf(failure);
        const wait = WAITS_S[this.#numFailures];
        if (!problem.retryable || wait === undefined || this.#isStopping) throw problem;
        this.#numFailures += 1;
        await this.#wait(problem, problem.retryAfterS ?? wait);
        if (this.#isStopping && !this.#hasBeenReady) return;
        if (this.#isStopping) throw problem;
      }
    }
  }

  /** An unreachable server at the first try is the reader's to solve; later it may come back. */
  async #problemOf(failure) {
    const problem = await this.#diagnose(failure);
    if (problem.kind === 'unreachable' && !this.#hasBeenReady) problem.retryable = false;
    return problem;
  }

  async #wait(problem, waitS) {
    const state = this.#hasBeenReady ? 'reconnecting' : 'waiting';
    this.#tell('state', { state, waitS, problem });
    await this.#sleepUntilWoken(waitS * 1000);
  }

  #sleepUntilWoken(limitMs) {
    return new Promise((resolve) => {
      const timer = limitMs === undefined ? null : setTimeout(resolve, limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #runSession() {
    const rate = { encoding: 'pcm_s16le', sample_rate: this.#microphone.sampleRate };
    const session = await this.#client.open({ ...this.#optionsNow(), ...rate, channels: 1 });
    const baseS = this.#moveCursor();
    this.#tell('session', { baseS, options: session.options, session });
    this.#follow(session, baseS);
    this.#session = session;
    const heartbeat = setInterval(() => this.#checkHeartbeat(session), PING_EVERY_MS);
    try {
      if (!this.#isStopping) this.#tell('state', { state: 'live' });
      await this.#pump(session);
      await session.stop();
    } finally {
      this.#session = null;
      clearInterval(heartbeat);
    }
  }

  /** Puts the cursor where the new session shall begin and tells what could not be kept. */
  #moveCursor() {
    const openS = Math.min(...this.#openStarts.values(), Infinity);
    const wantedS = Math.min(this.#coveredS, openS);
    this.#cursorS = Math.max(wantedS, this.#log.startS);
    this.#openStarts.clear();
    const missedS = this.#cursorS - wantedS;
    const lostS = missedS > GAP_S ? missedS : 0;
    if (this.#hasBeenReady) this.#tell('resumed', { atS: this.#cursorS, lostS });
    this.#hasBeenReady = true;
    this.#coveredS = this.#cursorS;
    return this.#cursorS;
  }

  #follow(session, baseS) {
    for (const type of FORWARDED) {
      session.addEventListener(type, ({ detail }) => {
        this.#lastHeardMs = performance.now();
        this.#track(detail, baseS);
        this.#tell('message', { ...detail, baseS });
      });
    }
    session.addEventListener('reconnecting', ({ detail }) => {
      const problem = new Problem('lost', { retryable: true });
      this.#tell('state', { state: 'reconnecting', waitS: detail.waitS, problem });
    });
    session.addEventListener('resumed', ({ detail }) => {
      this.#lastHeardMs = performance.now();
      this.#tell('resumed', { atS: baseS + detail.offset, lostS: 0 });
      if (!this.#isStopping) this.#tell('state', { state: 'live' });
      this.#wake();
    });
    for (const type of ['lost', 'closed']) session.addEventListener(type, () => this.#wake());
  }

  /** Remembers how far finals reach, so that audio is kept as long as it may be needed again. */
  #track(message, baseS) {
    if (message.type === 'speech_started') {
      this.#openStarts.set(message.channel, baseS + message.start);
    }
    if (message.type === 'utterance_ended') {
      this.#openStarts.delete(message.channel);
      this.#coveredS = Math.max(this.#coveredS, baseS + message.end);
    }
    if (message.type === 'ack') {
      this.#coveredS = Math.max(this.#coveredS, baseS + message.offset);
      this.#numFailures = 0; // Only a session that got somewhere earns fresh patience.
    }
    this.#log.release(Math.min(this.#coveredS, ...this.#openStarts.values()));
  }

  async #pump(session) {
    for (;;) {
      if (session.state !== 'open') return;
      const chunk = this.#log.chunkAt(this.#cursorS);
      if (chunk && chunk.startS > this.#cursorS + GAP_S) return this.#fallBehind(session);
      if (chunk) {
        this.#cursorS = chunk.endS;
        await session.sendAudio(chunk.samples);
      } else if (this.#isStopping) {
        return;
      } else {
        await this.#sleepUntilWoken();
      }
    }
  }

  /** The network is slower than speech: the only way on is to skip, in a session of its own. */
  #fallBehind(session) {
    this.#coveredS = this.#cursorS;
    this.#openStarts.clear();
    session.abort(new StarlingError({ code: 'lost', message: 'Too slow.', retryable: true }));
  }

  /** A connection can die without a word; then nothing answers a ping for long. */
  #checkHeartbeat(session) {
    if (session.isReconnecting) return;
    const askedMs = performance.now();
    this.#lastHeardMs ||= askedMs;
    session.ping().then(
      () => (this.#lastHeardMs = performance.now()),
      () => {},
    );
    if (askedMs - this.#lastHeardMs > SILENT_SERVER_MS) {
      this.#lastHeardMs = askedMs;
      session.reconnect();
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Finds out what kept a session from opening: browsers hide it from scripts. */
export async function diagnose(client, wantsKey, failure) {
  if (failure.code !== 'unreachable') return problemFrom(failure);
  try {
    if (!(await client.isReady())) return new Problem('loading', { retryable: true });
  } catch {
    return new Problem('unreachable', { retryable: true });
  }
  if (wantsKey) return new Problem('unauthenticated');
  return new Problem('refused', { retryable: true });
}

/**
 * The transcript as data: finals that never change, marks between them, and the utterances still
 * open. No page, no sockets, no clock.
 *
 * Sessions come and go (files, reconnections); the transcript lives on. Each session has a base:
 * the transcript time, in seconds, at which its own audio time 0 lies.
 */

/**
 * @typedef {object} Final
 * @property {'final'} kind
 * @property {number} number Counts up from 1 over the whole transcript.
 * @property {number} channel
 * @property {string} text
 * @property {number} start Seconds on the transcript's clock.
 * @property {number} end
 * @property {import('./starling.js').Word[]|null} words Times on the transcript's clock.
 * @property {string} language
 * @property {number|null} confidence Null for text kept from a session that broke off.
 */
/** @typedef {{kind: 'mark', cause: string, start: number, lost_s: number, name: string}} Mark */
/**
 * @typedef {object} Open
 * @property {string} key Names the utterance, over all sessions.
 * @property {number} session
 * @property {number} channel
 * @property {string} committed
 * @property {string} tentative
 * @property {number} start
 */

export class Transcript {
  /** @type {(Final|Mark)[]} */
  entries = [];
  /** @type {Map<string, Open>} */
  open = new Map();
  numChannels = 1;
  #baseS = 0;
  #session = 0;
  #numFinals = 0;

  /** Transcript time reached by finals, in seconds. */
  get endS() {
    return this.finals.reduce((latest, final) => Math.max(latest, final.end), 0);
  }

  /** @returns {Final[]} */
  get finals() {
    return this.entries.filter((entry) => entry.kind === 'final');
  }

  get isEmpty() {
    return this.entries.length === 0 && this.open.size === 0;
  }

  /** Following messages are from a session whose audio begins at `baseS` on this clock. */
  beginSession(baseS, numChannels = 1) {
    this.#baseS = baseS;
    this.#session += 1;
    this.numChannels = Math.max(this.numChannels, numChannels);
  }

  /**
   * Takes `interim`. What an earlier session left open on that channel is heard again, so it goes.
   * @returns {Open} The utterance as it now is.
   */
  applyInterim(message) {
    const { channel, committed, tentative } = message;
    this.#dropStale(channel);
    const key = this.#keyOf(message);
    const start = this.#baseS + message.start;
    const open = { key, session: this.#session, channel, committed, tentative, start };
    this.open.set(key, open);
    return open;
  }

  /** Takes `final`; returns the entry that was added. The utterance is open no more. */
  applyFinal(message) {
    this.#dropStale(message.channel);
    this.open.delete(this.#keyOf(message));
    return this.#addFinal({
      channel: message.channel,
      text: message.text.trim(),
      start: this.#baseS + message.start,
      end: this.#baseS + message.end,
      words: message.words?.map((word) => this.#onThisClock(word)) ?? null,
      language: message.language,
      confidence: message.confidence,
    });
  }

  /** Takes `utterance_ended`: an utterance without a final leaves nothing behind. */
  applyEnd(message) {
    this.open.delete(this.#keyOf(message));
  }

  /** Notes a break: a lost connection, a new start, a file's name. */
  addMark(cause, { start = this.endS, lost_s = 0, name = '' } = {}) {
    const mark = { kind: 'mark', cause, start, lost_s, name };
    this.entries.push(mark);
    return mark;
  }

  /** Keeps what a broken session left open, as far as it was heard; returns the new finals. */
  settleOpen() {
    const left = [...this.open.values()].filter((open) => textOf(open) !== '');
    this.open.clear();
    return left.map((open) => this.#addFinal(keptFrom(open, this.endS)));
  }

  #keyOf({ utterance }) {
    return `${this.#session}:${utterance}`;
  }

  #dropStale(channel) {
    for (const open of this.open.values()) {
      if (open.channel === channel && open.session !== this.#session) this.open.delete(open.key);
    }
  }

  #addFinal(fields) {
    const final = Object.freeze({ kind: 'final', number: ++this.#numFinals, ...fields });
    this.entries.push(final);
    return final;
  }

  #onThisClock(word) {
    return { ...word, start: this.#baseS + word.start, end: this.#baseS + word.end };
  }
}

/** The open utterance's text as one string. */
export const textOf = (open) => (open.committed + open.tentative).trim();

function keptFrom(open, endS) {
  return {
    channel: open.channel,
    text: textOf(open),
    start: open.start,
    end: Math.max(open.start, endS),
    words: null,
    language: '',
    confidence: null,
  };
}

/**
 * Cuts a final's text into pieces, each with its word or null, which joined give the text again.
 * @param {string} text
 * @param {import('./starling.js').Word[]|null} words
 * @returns {{text: string, word: import('./starling.js').Word|null}[]}
 */
export function piecesOf(text, words) {
  const pieces = [];
  let taken = 0;
  for (const word of words ?? []) {
    const spelled = word.word.trim();
    const at = spelled ? text.indexOf(spelled, taken) : -1;
    if (at < 0) continue;
    if (at > taken) pieces.push({ text: text.slice(taken, at), word: null });
    pieces.push({ text: spelled, word });
    taken = at + spelled.length;
  }
  if (taken < text.length) pieces.push({ text: text.slice(taken), word: null });
  return pieces;
}

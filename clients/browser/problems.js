/** Everything that can go wrong for a reader: what happened, and what to do next. Pure. */

/**
 * @typedef {object} Explanation
 * @property {string} title What happened, in a few words.
 * @property {string} next What the reader can do.
 * @property {'retry'|'key'|'none'} action The button that helps.
 */

/** @type {Record<string, Explanation>} */
const EXPLANATIONS = {
  insecure: {
    title: 'The browser keeps the microphone closed on this page',
    next:
      'Microphones work only on https:// addresses and on localhost. Open this page at one of ' +
      'those, or drop an audio file here instead.',
    action: 'none',
  },
  mic_refused: {
    title: 'The microphone was not allowed',
    next:
      'Open the site settings beside the address, allow the microphone, then try again. Files ' +
      'work without it.',
    action: 'retry',
  },
  mic_missing: {
    title: 'No microphone found',
    next: 'Plug one in or switch it on, then try again. Files work without it.',
    action: 'retry',
  },
  mic_busy: {
    title: 'Another program is using the microphone',
    next: 'Close the call or recorder that holds it, then try again.',
    action: 'retry',
  },
  mic_failed: {
    title: 'The microphone could not be started',
    next: 'Choose another one under Options, or reload the page and try again.',
    action: 'retry',
  },
  mic_unplugged: {
    title: 'The microphone was unplugged',
    next:
      'Everything said before is in the transcript. Plug it in again or choose another under ' +
      'Options, then start again.',
    action: 'retry',
  },
  unreachable: {
    title: 'The server cannot be reached',
    next:
      'Check that Starling is running and that you are on its network, then try again. Your ' +
      'transcript is kept.',
    action: 'retry',
  },
  loading: {
    title: 'The server is getting ready',
    next: 'It is loading its speech model or shutting down. Try again in a few seconds.',
    action: 'retry',
  },
  refused: {
    title: 'The server did not open a session',
    next:
      'It answers, but not to WebSockets. It may be full, or a proxy in between may block them.',
    action: 'retry',
  },
  lost: {
    title: 'The connection was lost',
    next: 'Your transcript is kept. Try again when the network is back.',
    action: 'retry',
  },
  unauthenticated: {
    title: 'The server wants an API key',
    next: 'Enter the key you were given under Options, then try again.',
    action: 'key',
  },
  overloaded: {
    title: 'The server is busy',
    next: 'All its places are taken. Try again in a moment.',
    action: 'retry',
  },
  not_audio: {
    title: 'This file has no sound that can be read',
    next: 'Choose an audio file: WAV, MP3, FLAC, Ogg, WebM or M4A.',
    action: 'none',
  },
};

/** Something went wrong that the reader should be told. */
export class Problem extends Error {
  /**
   * @param {string} kind A key of the table above, or a server's error code.
   * @param {object} [more]
   * @param {string} [more.title] Replaces the table's.
   * @param {string} [more.next] Replaces the table's.
   * @param {string} [more.detail] Extra words from the browser or server.
   * @param {number|null} [more.retryAfterS]
   * @param {boolean} [more.retryable]
   */
  constructor(kind, more = {}) {
    const known = EXPLANATIONS[kind];
    super(more.title ?? known?.title ?? 'Something went wrong');
    this.kind = kind;
    this.next = more.next ?? known?.next ?? 'Try again.';
    this.detail = more.detail ?? '';
    this.action = known?.action ?? (more.retryable === false ? 'none' : 'retry');
    this.retryAfterS = more.retryAfterS ?? null;
    this.retryable = more.retryable ?? false;
  }
}

/** A client failure in the reader's words: known ones from the table, others as the server said. */
export function problemFrom(failure) {
  if (failure instanceof Problem) return failure;
  const { code = 'internal', hint, retryable = false, retryAfterS = null, message } = failure;
  if (EXPLANATIONS[code]) return new Problem(code, { retryable, retryAfterS });
  return new Problem(code, {
    title: sentence(message),
    next: hint ? sentence(hint) : 'Reload the page and try again.',
    retryable,
    retryAfterS,
  });
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

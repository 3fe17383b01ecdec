/**
 * Follows a session as a viewer, over a WebSocket that is replaced when it breaks. No page here.
 *
 *     const viewer = new StarlingViewer({ session, token });
 *     viewer.addEventListener('final', ({ detail }) => show(detail.text));
 *     viewer.start();
 *
 * Events are the server's messages `interim`, `final`, `utterance_ended` and `closed`; more come
 * from here: `live` when connected, `waiting` {waitS} between two tries, and `refused` with the
 * server's error when trying again is of no use. It ends with `closed` or `refused`.
 */

const FIRST_WAIT_S = 0.5;
const MAX_WAIT_S = 10;

export class StarlingViewer extends EventTarget {
  #url;
  #session;
  #token;
  #socketClass;
  #sleep;
  #random;
  #socket = null;
  #lastSeq = 0;
  #numTries = 0;
  #isOver = false;

  /**
   * @param {object} settings
   * @param {string} settings.session
   * @param {string} settings.token A share, sent as a subprotocol, never in the address.
   * @param {string|URL} [settings.url] The server's http(s) address (default: this page's).
   */
  constructor(settings) {
    super();
    this.#url = new URL(settings.url ?? './', globalThis.location?.href);
    this.#session = settings.session;
    this.#token = settings.token;
    this.#socketClass = settings.WebSocket ?? globalThis.WebSocket;
    this.#sleep = settings.sleep ?? ((waitS, then) => setTimeout(then, waitS * 1000));
    this.#random = settings.random ?? Math.random;
  }

  start() {
    const address = new URL(`v1/sessions/${encodeURIComponent(this.#session)}/watch`, this.#url);
    address.protocol = address.protocol.replace('http', 'ws');
    if (this.#lastSeq > 0) address.searchParams.set('after', String(this.#lastSeq));
    const socket = new this.#socketClass(address, this.#token ? ['bearer', this.#token] : []);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#say('live', {}));
    socket.addEventListener('message', (event) => this.#take(JSON.parse(event.data)));
    socket.addEventListener('close', () => this.#tryAgain());
  }

  stop() {
    this.#isOver = true;
    this.#socket?.close();
  }

  #take(message) {
    if (message.type === 'error') {
      if (message.retryable) return;
      this.#isOver = true;
      this.#say('refused', message);
      return;
    }
    this.#numTries = 0;
    if (message.type !== 'interim') this.#lastSeq = message.seq;
    if (message.type === 'closed') this.#isOver = true;
    this.#say(message.type, message);
  }

  /** Waits longer each time, and not as long as the others: all viewers lose a server at once. */
  #tryAgain() {
    if (this.#isOver) return;
    const longest = Math.min(FIRST_WAIT_S * 2 ** this.#numTries, MAX_WAIT_S);
    this.#numTries += 1;
    const waitS = longest * (0.5 + this.#random() / 2);
    this.#say('waiting', { waitS });
    this.#sleep(waitS, () => this.#isOver || this.start());
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

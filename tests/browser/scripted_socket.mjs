/** A WebSocket whose server is the test: it keeps what was sent and says what it is told to. */

export function socketClass() {
  return class ScriptedSocket {
    static made = [];

    constructor(url, protocols) {
      Object.assign(this, { url, protocols, sent: [], bufferedAmount: 0, isClosed: false });
      this.seq = 0;
      ScriptedSocket.made.push(this);
    }

    send(data) {
      this.sent.push(data);
    }

    close() {
      this.isClosed = true;
    }

    /** The server accepts and, told so, greets with `ready`. */
    accept(options = {}) {
      this.onopen();
      this.say('ready', { session: 'abc', options: { endpoint_silence_ms: 500, ...options } });
    }

    say(type, fields = {}) {
      this.seq += 1;
      this.onmessage?.({ data: JSON.stringify({ type, seq: this.seq, ...fields }) });
    }

    drop(code = 1006) {
      this.onclose({ code });
    }

    get texts() {
      return this.sent.filter((item) => typeof item === 'string').map((item) => JSON.parse(item));
    }

    get audio() {
      return this.sent.filter((item) => typeof item !== 'string');
    }
  };
}

/** Lets everything that is ready to run, run. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

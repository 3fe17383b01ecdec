/**
 * What a session sent and may have to send again: audio, and the messages between, in order.
 *
 * Places are bytes of audio from the session's start. Bounded: beyond `maxBytes` the oldest audio
 * goes, and a connection lost then cannot be replaced if the server asks for it.
 */

export class KeptAudio {
  #maxBytes;
  #items = [];
  #startByte = 0;
  #endByte = 0;

  /** @param {number} maxBytes */
  constructor(maxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** @param {Uint8Array|string} data Audio, or a message as JSON. */
  add(data) {
    const item = { at: this.#endByte, end: this.#endByte, data };
    if (typeof data !== 'string') item.end += data.byteLength;
    this.#items.push(item);
    this.#endByte = item.end;
    while (this.#endByte - this.#startByte > this.#maxBytes) {
      this.#startByte = this.#items.shift().end;
    }
  }

  /** Lets go of what came before a place that the server names as not needed again. */
  forget(byte) {
    while (this.#items.length && isPast(this.#items[0], byte)) {
      this.#startByte = this.#items.shift().end;
    }
  }

  /** @returns {(Uint8Array|string)[]|null} All from a place on; null when it is not held. */
  from(byte) {
    if (byte < this.#startByte) return null;
    const wanted = this.#items.filter((item) => !isPast(item, byte));
    return wanted.map(({ at, data }) =>
      typeof data !== 'string' && at < byte ? data.subarray(byte - at) : data,
    );
  }
}

const isPast = (item, byte) => (typeof item.data === 'string' ? item.at < byte : item.end <= byte);

/** Measured waiting times: the latest and the median of the most recent ones. Pure. */

const MAX_KEPT = 101;

export class LatencyGauge {
  #values = [];

  /** @param {number} seconds */
  add(seconds) {
    this.#values.push(seconds);
    if (this.#values.length > MAX_KEPT) this.#values.shift();
  }

  get latest() {
    return this.#values.at(-1) ?? null;
  }

  /** Of the last 101 measurements, or null before the first. */
  get median() {
    if (this.#values.length === 0) return null;
    const sorted = [...this.#values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  clear() {
    this.#values = [];
  }
}

/** 0.8449 as "0.84 s", null as "–". */
export const secondsText = (seconds) => (seconds === null ? '–' : `${seconds.toFixed(2)} s`);

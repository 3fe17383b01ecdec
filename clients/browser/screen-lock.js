/** Keeps a phone's screen on while captions run, where the browser can. */

export class ScreenLock {
  #isWanted = false;
  #lock = null;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#take());
  }

  hold() {
    this.#isWanted = true;
    this.#take();
  }

  release() {
    this.#isWanted = false;
    this.#lock?.release();
    this.#lock = null;
  }

  /** Browsers drop the lock of a hidden page, so it is taken again when the page shows. */
  async #take() {
    if (!this.#isWanted || document.visibilityState !== 'visible') return;
    try {
      this.#lock = (await navigator.wakeLock?.request('screen')) ?? null;
    } catch {
      this.#lock = null; // Low battery, or not allowed: the screen may dim.
    }
  }
}

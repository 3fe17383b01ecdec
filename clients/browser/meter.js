/**
 * The level meter: a row of speckles that swell with the voice, a calm value for screen readers,
 * and a hint when nothing is heard. Assistive technology is told of a change of kind only.
 */

const NUM_SPECKLES = 22;
const SPECKLE_PX = 4;
const TALLEST_PX = 34;
const FLOOR_DB = -48;
const QUIET_PEAK = 0.004;
const CLIPPED_PEAK = 0.995;
const SILENT_AFTER_MS = 6000;
const COOLING = 0.97;
const HOT = 6;
const COOL = 1;

export class LevelMeter {
  #element;
  #hint;
  #speckles;
  #levels = new Array(NUM_SPECKLES).fill(0);
  #heat = 0;
  #lastSoundMs = null;
  #kind = 'off';
  #isCalm = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(element, hint) {
    this.#element = element;
    this.#hint = hint;
    this.#speckles = this.#levels.map(() => document.createElement('span'));
    element.append(...this.#speckles);
  }

  /** Shows one frame's peak, 0 to 1. */
  show(peak, nowMs) {
    const level = Math.max(0, 1 - (20 * Math.log10(Math.max(peak, 1e-6))) / FLOOR_DB);
    this.#levels.push(level);
    this.#levels.shift();
    this.#draw();
    this.#judge(peak, nowMs);
  }

  /** The microphone is off. */
  reset() {
    this.#levels.fill(0);
    this.#heat = 0;
    this.#lastSoundMs = null;
    this.#draw();
    this.#say('off');
  }

  /** One clipped frame is nothing; many in a row are worth a word, until they have been few. */
  #judge(peak, nowMs) {
    if (peak > QUIET_PEAK || this.#lastSoundMs === null) this.#lastSoundMs = nowMs;
    this.#heat = this.#heat * COOLING + (peak >= CLIPPED_PEAK ? 1 : 0);
    const isStillHot = this.#kind === 'loud' && this.#heat > COOL;
    if (nowMs - this.#lastSoundMs > SILENT_AFTER_MS) this.#say('silent');
    else if (this.#heat > HOT || isStillHot) this.#say('loud');
    else if (peak > QUIET_PEAK) this.#say('good');
  }

  /** Without motion, speckles light up in a row; with it, they show the last second and a half. */
  #draw() {
    const latest = this.#levels.at(-1);
    for (const [at, speckle] of this.#speckles.entries()) {
      const level = this.#isCalm.matches ? 0 : this.#levels[at];
      const isLit = this.#isCalm.matches ? at < latest * NUM_SPECKLES : level > 0.02;
      speckle.style.height = `${SPECKLE_PX + Math.round(level * (TALLEST_PX - SPECKLE_PX))}px`;
      speckle.classList.toggle('is-lit', isLit);
    }
  }

  #say(kind) {
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#element.setAttribute('aria-valuenow', Math.round(this.#levels.at(-1) * 100));
    this.#element.setAttribute('aria-valuetext', KINDS[kind].value);
    this.#hint.textContent = KINDS[kind].hint;
  }
}

const KINDS = {
  off: { value: 'off', hint: '' },
  good: { value: 'sound is heard', hint: '' },
  silent: { value: 'silence', hint: 'No sound. Is the microphone muted?' },
  loud: { value: 'too loud', hint: 'Very loud. Move back a little.' },
};

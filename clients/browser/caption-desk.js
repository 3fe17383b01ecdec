/** Where messages become captions: keeps the transcript, draws it, and measures its delay. */

import { LatencyGauge, secondsText } from './latency.js';
import { Transcript } from './transcript.js';

export class CaptionDesk extends EventTarget {
  transcript = new Transcript();
  #view;
  #aside = null;
  #runBaseS = 0;
  #interimGauge = new LatencyGauge();
  #finalGauge = new LatencyGauge();

  /** Fires `change` whenever there is more or less to read. */
  constructor(view) {
    super();
    this.#view = view;
  }

  /** Whether a transcript was set aside and can be brought back. */
  get hasAside() {
    return this.#aside !== null;
  }

  /** The microphone starts: the transcript goes on where it ended. */
  beginLive(clockText) {
    this.#runBaseS = Math.ceil(this.transcript.endS);
    if (!this.transcript.isEmpty) this.#addMark('restarted', { name: clockText });
    this.#clearGauges();
  }

  /** A file starts: its times begin at 0, so it gets a transcript of its own. */
  beginFile(name) {
    if (!this.transcript.isEmpty) this.setAside();
    this.#runBaseS = 0;
    this.#addMark('file', { name });
    this.#clearGauges();
  }

  /** A session opened whose audio begins at `baseS` of the run. */
  beginSession({ baseS, options }) {
    const isSplit = options.channels === 2 && options.channel_mode === 'split';
    this.transcript.beginSession(this.#runBaseS + baseS, isSplit ? 2 : 1);
  }

  /** A lost connection is back; `lostS` seconds were not sent. */
  resume({ atS, lostS }) {
    this.#addMark('resumed', { start: this.#runBaseS + atS, lost_s: lostS });
  }

  /**
   * Takes a server message.
   * @param {import('./starling.js').ServerMessage} message
   * @param {number|null} capturedAtMs When the last sound it covers was captured.
   */
  take(message, capturedAtMs) {
    if (message.type === 'interim') {
      this.transcript.applyInterim(message);
      this.#measure(this.#interimGauge, capturedAtMs);
    } else if (message.type === 'final') {
      this.#draw(this.transcript.applyFinal(message));
      this.#measure(this.#finalGauge, capturedAtMs);
    } else if (message.type === 'utterance_ended') {
      this.transcript.applyEnd(message);
    }
    this.#showOpen();
  }

  /** The run is over: what it left open is kept as text. */
  end() {
    for (const final of this.transcript.settleOpen()) this.#draw(final);
    this.#showOpen();
  }

  /** Puts the transcript aside and starts an empty one. */
  setAside() {
    this.#aside = this.transcript;
    this.#replace(new Transcript());
  }

  /** Brings back what was set aside, in place of what is there. */
  bringBack() {
    const back = this.#aside;
    this.#aside = this.transcript.isEmpty ? null : this.transcript;
    this.#replace(back);
  }

  #replace(transcript) {
    this.transcript = transcript;
    this.#view.redraw(transcript);
    this.#changed();
  }

  #addMark(cause, more) {
    this.#draw(this.transcript.addMark(cause, more));
  }

  #draw(entry) {
    this.#view.add(entry, this.transcript.numChannels);
    this.#changed();
  }

  #showOpen() {
    this.#view.showOpen([...this.transcript.open.values()], this.transcript.numChannels);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #measure(gauge, capturedAtMs) {
    if (capturedAtMs === null) return;
    gauge.add((performance.now() - capturedAtMs) / 1000);
    this.#showGauges();
  }

  #clearGauges() {
    this.#interimGauge.clear();
    this.#finalGauge.clear();
    this.#showGauges();
  }

  #showGauges() {
    const show = (id, seconds) => (document.getElementById(id).textContent = secondsText(seconds));
    for (const [name, gauge] of [
      ['interim', this.#interimGauge],
      ['final', this.#finalGauge],
    ]) {
      show(`latency-${name}`, gauge.latest);
      show(`${name}-latest`, gauge.latest);
      show(`${name}-median`, gauge.median);
    }
  }
}

/**
 * Runs in the audio thread: turns the microphone's float samples into frames of 16-bit PCM.
 *
 * Posts `{samples: Int16Array, peak: 0..1}` for every 60 ms. Told `'flush'`, posts what is left
 * and `{flushed: true}`. Above 48 kHz, the most the server takes, neighbouring samples are
 * averaged.
 */

const FRAME_S = 0.06;
const MAX_RATE_HZ = 48000;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = Math.ceil(sampleRate / MAX_RATE_HZ);
    this.frame = new Int16Array(Math.round((sampleRate / this.step) * FRAME_S));
    this.filled = 0;
    this.peak = 0;
    this.sum = 0;
    this.summed = 0;
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage({ flushed: true });
    };
  }

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.sum += sample;
      this.summed += 1;
      if (this.summed === this.step) {
        this.add(this.sum / this.step);
        this.sum = 0;
        this.summed = 0;
      }
    }
    return true;
  }

  add(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.frame[this.filled] = Math.round(clipped * 32767);
    this.filled += 1;
    if (this.filled === this.frame.length) this.post();
  }

  post() {
    if (this.filled === 0) return;
    const samples = this.frame.slice(0, this.filled);
    this.port.postMessage({ samples, peak: this.peak }, [samples.buffer]);
    this.filled = 0;
    this.peak = 0;
  }
}

registerProcessor('capture', Capture);

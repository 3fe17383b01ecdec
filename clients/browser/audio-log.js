/**
 * What the microphone heard: samples to send (or send again after a lost connection) and the
 * moment each was captured. Pure; times on the microphone's own clock, in seconds of audio.
 *
 * Samples are kept until the server has acknowledged them, at most `maxKeptS` seconds; capture
 * moments are kept longer, because a final may come well after its audio was acknowledged.
 */

const MOMENTS_KEPT_S = 300;

export class AudioLog {
  #chunks = [];
  #moments = [];
  #sampleRate;
  #maxKeptSamples;
  #endSample = 0;

  constructor(sampleRate, maxKeptS = 60) {
    this.#sampleRate = sampleRate;
    this.#maxKeptSamples = maxKeptS * sampleRate;
  }

  /** Adds samples whose last one was captured at `capturedAtMs`. */
  append(samples, capturedAtMs) {
    const startSample = this.#endSample;
    this.#endSample += samples.length;
    this.#chunks.push({ startSample, samples });
    this.#moments.push({ endSample: this.#endSample, capturedAtMs });
    this.#forgetBefore(this.#endSample - this.#maxKeptSamples);
    const oldest = this.#endSample - MOMENTS_KEPT_S * this.#sampleRate;
    while (this.#moments[0].endSample < oldest) this.#moments.shift();
  }

  /** Seconds of audio captured so far. */
  get endS() {
    return this.#endSample / this.#sampleRate;
  }

  /** Where the oldest kept sample lies; anything before it cannot be sent any more. */
  get startS() {
    return (this.#chunks[0]?.startSample ?? this.#endSample) / this.#sampleRate;
  }

  /**
   * The kept audio from `fromS` to the end of its chunk, or null where there is none yet.
   * @returns {{samples: Int16Array, startS: number, endS: number}|null}
   */
  chunkAt(fromS) {
    const from = Math.round(fromS * this.#sampleRate);
    const chunk = this.#chunks.find(({ startSample, samples }) => {
      return from < startSample + samples.length;
    });
    if (!chunk) return null;
    const skipped = Math.max(0, from - chunk.startSample);
    const end = chunk.startSample + chunk.samples.length;
    return {
      samples: chunk.samples.subarray(skipped),
      startS: (chunk.startSample + skipped) / this.#sampleRate,
      endS: end / this.#sampleRate,
    };
  }

  /** Lets go of samples before `offsetS`. */
  release(offsetS) {
    this.#forgetBefore(Math.round(offsetS * this.#sampleRate));
  }

  /** When the sample at `offsetS` was captured, in milliseconds, or null where unknown. */
  capturedAtMs(offsetS) {
    const sample = offsetS * this.#sampleRate;
    const moment = this.#moments.find(({ endSample }) => endSample >= sample);
    if (!moment) return null;
    return moment.capturedAtMs - ((moment.endSample - sample) / this.#sampleRate) * 1000;
  }

  #forgetBefore(sample) {
    const first = this.#chunks.findIndex(({ startSample, samples }) => {
      return startSample + samples.length > sample;
    });
    if (first > 0) this.#chunks.splice(0, first);
    else if (first < 0) this.#chunks.length = 0;
  }
}

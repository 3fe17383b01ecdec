/**
 * The microphone as a source of PCM16 frames.
 *
 * The browser is asked for 16 kHz, what the server's model hears; where it refuses (Firefox, when
 * the microphone runs at another rate), the true rate is used and the server converts.
 */

import { Problem } from './problems.js';

const WANTED_RATE_HZ = 16000;
const MAX_RATE_HZ = 48000;
const MAX_FLUSH_MS = 500;

export class Microphone extends EventTarget {
  #stream;
  #context;
  #worklet;
  #flushed = () => {};
  #flushing = null;

  /** Samples per second of the frames. */
  sampleRate = 0;

  /**
   * Asks for the microphone and starts listening. Events: `frame` with detail
   * `{samples: Int16Array, peak, capturedAtMs}`, and `unplugged`.
   * @param {string} deviceId Empty for the browser's choice.
   * @throws {Problem} Refused, missing, in use, or not allowed on this page.
   */
  async start(deviceId = '') {
    if (!navigator.mediaDevices?.getUserMedia) throw new Problem('insecure');
    this.#stream = await requestStream(deviceId);
    this.#stream.getAudioTracks()[0].onended = () => this.dispatchEvent(new Event('unplugged'));
    try {
      await this.#connect({ sampleRate: WANTED_RATE_HZ });
    } catch {
      await this.#context?.close();
      await this.#connect({});
    }
  }

  /** Stops listening; every frame captured so far has been delivered when this resolves. */
  async stop() {
    if (this.#worklet) await (this.#flushing ??= this.#flush());
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context && this.#context.state !== 'closed') await this.#context.close();
  }

  /** A suspended audio thread never answers, so there is a limit to the wait. */
  #flush() {
    return new Promise((resolve) => {
      this.#flushed = resolve;
      setTimeout(resolve, MAX_FLUSH_MS);
      this.#worklet.port.postMessage('flush');
    });
  }

  async #connect(contextOptions) {
    this.#context = new AudioContext({ latencyHint: 'interactive', ...contextOptions });
    const rate = this.#context.sampleRate;
    this.sampleRate = rate / Math.ceil(rate / MAX_RATE_HZ);
    await this.#context.audioWorklet.addModule(new URL('capture-worklet.js', import.meta.url));
    const source = this.#context.createMediaStreamSource(this.#stream);
    this.#worklet = new AudioWorkletNode(this.#context, 'capture', {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
    });
    this.#worklet.port.onmessage = ({ data }) => this.#deliver(data);
    source.connect(this.#worklet);
    await this.#context.resume();
  }

  #deliver(data) {
    if (data.flushed) return void this.#flushed();
    const detail = { ...data, capturedAtMs: performance.now() };
    this.dispatchEvent(new CustomEvent('frame', { detail }));
  }
}

/** Microphones to choose from; names are empty until the reader has given permission. */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === 'audioinput' && device.deviceId !== '');
}

async function requestStream(deviceId) {
  const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true };
  if (deviceId) audio.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (cause) {
    if (cause.name === 'OverconstrainedError' && deviceId) return requestStream('');
    throw new Problem(KIND_OF[cause.name] ?? 'mic_failed', { detail: cause.message });
  }
}

const KIND_OF = {
  NotAllowedError: 'mic_refused',
  SecurityError: 'mic_refused',
  NotFoundError: 'mic_missing',
  NotReadableError: 'mic_busy',
  AbortError: 'mic_busy',
};

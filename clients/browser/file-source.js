/**
 * An audio file as something to send: its own bytes where the server can read the container as it
 * arrives, else samples decoded here (M4A and MP4 keep their index at the end of the file).
 */

import { Problem } from './problems.js';

const DECODED_RATE_HZ = 16000;
const SNIFFED_BYTES = 12;
const CHUNK_BYTES = 32 * 1024;

/**
 * Whether the server can take a file that starts with these bytes piece by piece.
 * @param {Uint8Array} head
 */
export function isStreamable(head) {
  const text = String.fromCharCode(...head);
  const isMpegFrame = head[0] === 0xff && (head[1] & 0xe0) === 0xe0;
  const isMatroska = head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3;
  const isNamed = ['RIFF', 'fLaC', 'OggS', 'ID3'].some((magic) => text.startsWith(magic));
  return isNamed || isMatroska || isMpegFrame;
}

/**
 * Opens a file for sending.
 * @param {File} file
 * @param {boolean} isStereo Whether its two channels get a transcript each.
 * @returns {Promise<{options: import('./starling.js').SessionOptions, numBytes: number,
 *   durationS: number|null, chunks: () => AsyncGenerator<ArrayBuffer|Int16Array>}>}
 * @throws {Problem} The file holds no sound that server or browser can read.
 */
export async function openFile(file, isStereo = false) {
  const layout = isStereo ? { channels: 2, channel_mode: 'split' } : {};
  const head = new Uint8Array(await file.slice(0, SNIFFED_BYTES).arrayBuffer());
  if (isStreamable(head)) {
    return {
      options: { encoding: 'container', ...layout },
      numBytes: file.size,
      durationS: await durationOf(file),
      chunks: () => bytesOf(file),
    };
  }
  const samples = await decode(file, isStereo ? 2 : 1);
  return {
    options: { encoding: 'pcm_s16le', sample_rate: DECODED_RATE_HZ, ...layout },
    numBytes: samples.byteLength,
    durationS: samples.length / (isStereo ? 2 : 1) / DECODED_RATE_HZ,
    chunks: () => slicesOf(samples),
  };
}

async function* bytesOf(file) {
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    yield file.slice(at, at + CHUNK_BYTES).arrayBuffer();
  }
}

async function* slicesOf(samples) {
  const size = CHUNK_BYTES / 2;
  for (let at = 0; at < samples.length; at += size) yield samples.subarray(at, at + size);
}

/** Seconds of sound by the browser's reckoning, or null where it cannot tell. */
function durationOf(file) {
  const audio = new Audio();
  audio.preload = 'metadata';
  const address = URL.createObjectURL(file);
  return new Promise((resolve) => {
    const answer = (seconds) => {
      URL.revokeObjectURL(address);
      resolve(Number.isFinite(seconds) ? seconds : null);
    };
    audio.onloadedmetadata = () => answer(audio.duration);
    audio.onerror = () => answer(NaN);
    audio.src = address;
  });
}

async function decode(file, numChannels) {
  const context = new OfflineAudioContext(1, 1, DECODED_RATE_HZ);
  let decoded;
  try {
    decoded = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Problem('not_audio', { detail: file.name });
  }
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, at) =>
    decoded.getChannelData(at),
  );
  return interleave(channels, numChannels);
}

/**
 * Float channels to interleaved 16-bit samples; for one channel out, all are averaged.
 * @param {Float32Array[]} channels
 * @param {1|2} numChannels
 */
export function interleave(channels, numChannels) {
  const length = channels[0].length;
  const samples = new Int16Array(length * numChannels);
  for (let at = 0; at < length; at += 1) {
    if (numChannels === 1) {
      const sum = channels.reduce((total, channel) => total + channel[at], 0);
      samples[at] = toPcm16(sum / channels.length);
    } else {
      samples[2 * at] = toPcm16(channels[0][at]);
      samples[2 * at + 1] = toPcm16((channels[1] ?? channels[0])[at]);
    }
  }
  return samples;
}

const toPcm16 = (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767);

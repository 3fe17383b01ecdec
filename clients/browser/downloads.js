/** Takes the transcript out of the page: files and the clipboard. */

import { toSrt, toText, toVtt } from './subtitles.js';

const FORMATS = {
  txt: { write: toText, type: 'text/plain' },
  srt: { write: toSrt, type: 'application/x-subrip' },
  vtt: { write: toVtt, type: 'text/vtt' },
};

/** Saves the transcript as `txt`, `srt` or `vtt`. */
export function download(transcript, format, name) {
  const { write, type } = FORMATS[format];
  const text = write(transcript.finals, transcript.numChannels);
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `${name}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 0);
}

/** Puts the plain text on the clipboard. */
export function copyText(transcript) {
  return navigator.clipboard.writeText(toText(transcript.finals, transcript.numChannels));
}

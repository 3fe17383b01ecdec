/** Choosing or dropping a file, and how far it has got. */

import { timeText } from './captions-view.js';

const part = (id) => document.getElementById(id);

/** Calls `onFile` with a file that was chosen or dropped anywhere on the page. */
export function attachFileEntry(onFile) {
  const [input, veil] = [part('file-input'), part('drop-veil')];
  part('choose-file').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files[0]) onFile(input.files[0]);
    input.value = '';
  });
  addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    veil.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  });
}

/** Opens the progress strip for a file; Cancel calls `onCancel`. */
export function showFile(name, onCancel) {
  part('file-name').textContent = name;
  part('file-cancel').onclick = onCancel;
  part('file-progress').hidden = false;
  showProgress({ sentBytes: 0, numBytes: 0, captionedS: 0, durationS: null });
}

/** Closes the progress strip. */
export function hideFile() {
  part('file-progress').hidden = true;
}

/** Shows bytes sent, and how far captions are final. */
export function showProgress({ sentBytes, numBytes, captionedS, durationS }) {
  const sent = numBytes ? sentBytes / numBytes : 0;
  const captioned = durationS ? Math.min(1, captionedS / durationS) : 0;
  part('file-bar-sent').style.transform = `scaleX(${sent})`;
  part('file-bar-captioned').style.transform = `scaleX(${captioned})`;
  part('file-bar').setAttribute('aria-valuenow', Math.round(sent * 100));
  const length = durationS ? ` of ${timeText(durationS)}` : '';
  part('file-numbers').textContent =
    `${sizeText(sentBytes)} of ${sizeText(numBytes)} sent · captioned to ` +
    `${timeText(captionedS)}${length}`;
}

const sizeText = (bytes) =>
  bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

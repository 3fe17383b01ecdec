/**
 * Draws the transcript. Lines once drawn are never touched again: a final is appended as a new
 * paragraph, and an open utterance is one element per channel whose two text nodes change in
 * place. The view follows the newest line only while the reader is at the bottom.
 */

import { piecesOf } from './transcript.js';

const AT_BOTTOM_PX = 32;
const GLIDE = 0.22;
const UNSURE_BELOW = 0.4;

export class CaptionsView {
  #scroller;
  #finals;
  #open;
  #jump;
  #openLines = new Map();
  #isFollowing = true;
  #isGliding = false;
  #isCalm = matchMedia('(prefers-reduced-motion: reduce)');
  #lastTop = 0;

  /** @param {{scroller: HTMLElement, finals: HTMLElement, open: HTMLElement,
   *          jump: HTMLButtonElement}} parts */
  constructor({ scroller, finals, open, jump }) {
    this.#scroller = scroller;
    this.#finals = finals;
    this.#open = open;
    this.#jump = jump;
    scroller.addEventListener('scroll', () => this.#noteScroll(), { passive: true });
    jump.addEventListener('click', () => {
      this.#isFollowing = true;
      this.#keepUp();
      scroller.focus({ preventScroll: true });
    });
    const observer = new ResizeObserver(() => this.#keepUp());
    observer.observe(scroller);
    observer.observe(finals.parentElement);
  }

  /** Appends a final or a mark. */
  add(entry, numChannels) {
    const line = entry.kind === 'final' ? finalLine(entry, numChannels) : markLine(entry);
    this.#finals.append(line);
    this.#keepUp();
  }

  /** Shows exactly these open utterances, in order of their start. */
  showOpen(utterances, numChannels) {
    const keys = new Set(utterances.map(({ key }) => key));
    for (const [key, line] of this.#openLines) {
      if (keys.has(key)) continue;
      line.element.remove();
      this.#openLines.delete(key);
    }
    for (const open of utterances) this.#update(open, numChannels);
    this.#keepUp();
  }

  /** Draws a whole transcript anew. */
  redraw(transcript) {
    this.showOpen([...transcript.open.values()], transcript.numChannels);
    const lines = transcript.entries.map((entry) =>
      entry.kind === 'final' ? finalLine(entry, transcript.numChannels) : markLine(entry),
    );
    this.#finals.setAttribute('aria-live', 'off'); // Nothing here is news.
    this.#finals.replaceChildren(...lines);
    requestAnimationFrame(() => this.#finals.setAttribute('aria-live', 'polite'));
    this.#isFollowing = true;
    this.#keepUp();
  }

  #update(open, numChannels) {
    let line = this.#openLines.get(open.key);
    if (!line) {
      line = openLine(open.channel, numChannels);
      this.#openLines.set(open.key, line);
      this.#open.append(line.element);
    }
    setText(line.time, timeText(open.start));
    const tentative = open.tentative.trimStart(); // The space between is not underlined.
    const space = open.tentative.slice(0, open.tentative.length - tentative.length);
    setText(line.committed, open.committed + space);
    setText(line.tentative, tentative);
    line.element.hidden = open.committed + open.tentative === '';
  }

  /** Moving up is the reader's wish to stay; reaching the bottom ends it. */
  #noteScroll() {
    const { scrollTop } = this.#scroller;
    const restPx = this.#restPx();
    if (restPx <= 1) this.#isFollowing = true;
    else if (scrollTop < this.#lastTop) this.#isFollowing = false;
    else if (scrollTop > this.#lastTop && restPx <= AT_BOTTOM_PX) this.#isFollowing = true;
    this.#lastTop = scrollTop;
    this.#jump.hidden = this.#isFollowing;
  }

  #restPx() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop;
  }

  #keepUp() {
    const isEmpty = this.#finals.childElementCount + this.#openLines.size === 0;
    if (isEmpty || this.#isGliding) return;
    this.#isGliding = true;
    requestAnimationFrame(() => this.#glide());
  }

  /** The browser's own smooth scrolling fights a reader who scrolls meanwhile; this gives way. */
  #glide() {
    this.#noteScroll();
    const restPx = this.#restPx();
    this.#isGliding = this.#isFollowing && restPx > 1;
    if (!this.#isGliding) return;
    const isFar = restPx > this.#scroller.clientHeight;
    const stepPx = isFar || this.#isCalm.matches ? restPx : Math.max(1, restPx * GLIDE);
    this.#scroller.scrollTop += stepPx;
    this.#lastTop = this.#scroller.scrollTop;
    requestAnimationFrame(() => this.#glide());
  }
}

function openLine(channel, numChannels) {
  const { element, time, text } = lineParts(channel, numChannels);
  element.classList.add('is-open');
  const [committed, tentative] = [document.createElement('span'), document.createElement('span')];
  committed.className = 'committed';
  tentative.className = 'tentative';
  const nodes = [committed, tentative].map((span) => span.appendChild(new Text()));
  text.append(committed, tentative);
  return { element, time: time.appendChild(new Text()), committed: nodes[0], tentative: nodes[1] };
}

function finalLine(final, numChannels) {
  const { element, time, text } = lineParts(final.channel, numChannels);
  element.id = `caption-${final.number}`;
  element.classList.toggle('is-kept', final.confidence === null);
  time.dateTime = `PT${final.start.toFixed(3)}S`;
  time.textContent = timeText(final.start);
  text.append(...piecesOf(final.text, final.words).map(pieceNode));
  return element;
}

function lineParts(channel, numChannels) {
  const element = document.createElement('div');
  element.className = 'caption';
  element.dataset.channel = channel;
  const time = document.createElement('time');
  time.className = 'caption-time';
  const body = document.createElement('div');
  const text = document.createElement('p');
  text.className = 'caption-text';
  if (numChannels > 1) {
    const label = document.createElement('span');
    label.className = 'caption-channel';
    label.textContent = `Channel ${channel + 1}`;
    body.append(label);
  }
  body.append(text);
  element.append(time, body);
  return { element, time, text };
}

function pieceNode({ text, word }) {
  if (!word) return new Text(text);
  const span = document.createElement('span');
  span.className = word.confidence < UNSURE_BELOW ? 'word is-unsure' : 'word';
  span.dataset.start = word.start.toFixed(2);
  span.dataset.end = word.end.toFixed(2);
  span.dataset.confidence = word.confidence.toFixed(2);
  span.textContent = text;
  return span;
}

function markLine(mark) {
  const element = document.createElement('div');
  element.className = 'mark';
  element.dataset.cause = mark.lost_s > 0 ? 'gap' : mark.cause;
  element.textContent = MARK_TEXTS[mark.cause](mark);
  return element;
}

const MARK_TEXTS = {
  resumed: ({ start, lost_s }) =>
    lost_s > 0
      ? `Connection lost at ${timeText(start)} · ${Math.ceil(lost_s)} s not captioned`
      : `Connection restored at ${timeText(start)} · nothing missed`,
  restarted: ({ name }) => `Started again at ${name}`,
  file: ({ name }) => name,
};

/** Only a real change touches the page. */
function setText(node, text) {
  if (node.data !== text) node.data = text;
}

/** 75 as 1:15, 3675 as 1:01:15. */
export function timeText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(s).padStart(2, '0');
  return h ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

/** Shows a word's time and confidence beside the pointer. */
export function attachWordCard(container, card) {
  container.addEventListener('pointerover', ({ target }) => {
    const word = target.closest?.('.word[data-start]');
    card.hidden = !word;
    if (!word) return;
    const { start, end, confidence } = word.dataset;
    card.textContent = `${start}–${end} s · ${Math.round(confidence * 100)} % sure`;
    const box = word.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left), innerWidth - card.offsetWidth - 8);
    card.style.translate = `${left}px ${Math.max(8, box.top - card.offsetHeight - 6)}px`;
  });
  container.addEventListener('pointerleave', () => (card.hidden = true));
}

/** The viewer page: joins the feed, the captions and the look that the address asks for. */

import { ScreenLock } from './screen-lock.js';
import { lookFrom, withChoice } from './viewer-look.js';
import { StarlingViewer } from './viewer.js';

const MAX_LINES_KEPT = 500;
const NEAR_END_PX = 48;

const part = (id) => document.getElementById(id);
const params = () => new URLSearchParams(location.search);
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? params().get('token');

const captions = part('captions');
const finals = part('finals');
const openLines = part('open');
/** @type {Map<number, HTMLElement>} The open utterance of each channel. */
const open = new Map();

function line(channel) {
  const element = document.createElement('p');
  element.className = 'watch-line';
  element.dataset.channel = String(channel);
  element.append(document.createElement('span'));
  return element;
}

/** Changes the captions and stays at their end, unless the reader has gone back. */
function change(work) {
  const isAtEnd = captions.scrollHeight - captions.scrollTop - captions.clientHeight < NEAR_END_PX;
  work();
  if (isAtEnd) captions.scrollTop = captions.scrollHeight;
}

function dropOpen(channel) {
  open.get(channel)?.remove();
  open.delete(channel);
}

function showInterim({ channel, committed, tentative }) {
  let element = open.get(channel);
  if (!element) {
    element = line(channel);
    open.set(channel, element);
    openLines.append(element);
  }
  const mayChange = document.createElement('span');
  mayChange.className = 'tentative';
  mayChange.textContent = committed ? tentative : tentative.trimStart();
  element.firstChild.replaceChildren(committed, mayChange);
}

function showFinal({ channel, text }) {
  dropOpen(channel);
  const element = line(channel);
  element.firstChild.textContent = text.trim();
  finals.append(element);
  while (finals.childElementCount > MAX_LINES_KEPT) finals.firstElementChild.remove();
}

function setStatus(state, text) {
  part('status').dataset.state = state;
  part('status-text').textContent = text;
}

function applyLook() {
  const look = lookFrom(params());
  const { body } = document;
  if (['light', 'dark'].includes(look.theme)) document.documentElement.dataset.theme = look.theme;
  else delete document.documentElement.dataset.theme;
  body.dataset.theme = look.theme;
  body.dataset.align = look.align;
  body.dataset.menu = look.menu ? 'on' : 'off';
  body.toggleAttribute('data-lines', look.lines > 0);
  body.toggleAttribute('data-behind', look.background !== '');
  const styles = {
    '--watch-size': look.size,
    '--watch-lines': look.lines ? String(look.lines) : '',
    '--caption-color': look.color,
    '--caption-open': look.color,
    '--caption-behind': look.background,
    '--watch-font': look.font && `"${look.font}", var(--font)`,
  };
  for (const [name, value] of Object.entries(styles)) {
    if (value) body.style.setProperty(name, value);
    else body.style.removeProperty(name);
  }
  const controls = part('menu').elements;
  controls.theme.value = look.theme;
  controls.lines.value = String(look.lines);
  controls.align.value = look.align;
  controls.size.value = String(Number.parseFloat(getComputedStyle(captions).fontSize));
  captions.scrollTop = captions.scrollHeight;
}

function follow() {
  const session = params().get('session') ?? '';
  if (!session) {
    setStatus('offline', 'The address names no session. Ask for the whole link.');
    return;
  }
  const screenLock = new ScreenLock();
  const viewer = new StarlingViewer({ session, token: token ?? '' });
  const on = (type, react) => viewer.addEventListener(type, ({ detail }) => react(detail));
  on('live', () => setStatus('live', 'Live'));
  on('interim', (message) => change(() => showInterim(message)));
  on('final', (message) => change(() => showFinal(message)));
  on('utterance_ended', ({ channel }) => change(() => dropOpen(channel)));
  on('waiting', () => setStatus('connecting', 'Connection lost. Trying again…'));
  on('closed', () => {
    setStatus('ended', 'The session is over.');
    change(() => [...open.keys()].forEach(dropOpen));
    screenLock.release();
  });
  on('refused', ({ message, hint }) => {
    const sentence = message.charAt(0).toUpperCase() + message.slice(1);
    setStatus('offline', `${sentence}. ${hint.charAt(0).toUpperCase()}${hint.slice(1)}.`);
    screenLock.release();
  });
  screenLock.hold();
  viewer.start();
}

part('menu').addEventListener('input', ({ target }) => {
  const changed = withChoice(params(), target.name, target.value);
  history.replaceState(null, '', `${location.pathname}?${changed}${location.hash}`);
  applyLook();
});
applyLook();
follow();

/** How the viewer follows a session over sockets that break, and what an address can ask for. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lookFrom, withChoice } from '../../clients/browser/viewer-look.js';
import { StarlingViewer } from '../../clients/browser/viewer.js';

class Socket extends EventTarget {
  static opened = [];

  constructor(url, protocols) {
    super();
    this.url = String(url);
    this.protocols = protocols;
    Socket.opened.push(this);
  }

  say(message) {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }

  close() {
    this.dispatchEvent(new Event('close'));
  }
}

function stage() {
  Socket.opened = [];
  const waits = [];
  const heard = [];
  const viewer = new StarlingViewer({
    session: 's1',
    token: 'tok',
    url: 'https://host/base/',
    WebSocket: Socket,
    sleep: (waitS, then) => waits.push({ waitS, then }),
    random: () => 1,
  });
  for (const type of ['live', 'final', 'interim', 'waiting', 'closed', 'refused']) {
    viewer.addEventListener(type, () => heard.push(type));
  }
  viewer.start();
  return { viewer, waits, heard };
}

const final = (seq) => ({ type: 'final', seq, channel: 0, text: 'x' });

test('the token goes as a subprotocol and never in the address', () => {
  stage();
  assert.equal(Socket.opened[0].url, 'wss://host/base/v1/sessions/s1/watch');
  assert.deepEqual(Socket.opened[0].protocols, ['bearer', 'tok']);
});

test('a lost socket is replaced and goes on behind the last kept message', () => {
  const { waits, heard } = stage();
  Socket.opened[0].say(final(7));
  Socket.opened[0].say({ type: 'interim', seq: 9, channel: 0, committed: '', tentative: 'a' });
  Socket.opened[0].close();
  waits[0].then();
  assert.equal(new URL(Socket.opened[1].url).searchParams.get('after'), '7');
  assert.deepEqual(heard, ['final', 'interim', 'waiting']);
});

test('it waits longer each time, until the server speaks again', () => {
  const { waits } = stage();
  for (let turn = 0; turn < 7; turn += 1) {
    Socket.opened.at(-1).close();
    waits.at(-1).then();
  }
  assert.deepEqual(waits.map(({ waitS }) => waitS), [0.5, 1, 2, 4, 8, 10, 10]);
  Socket.opened.at(-1).say(final(1));
  Socket.opened.at(-1).close();
  assert.equal(waits.at(-1).waitS, 0.5);
});

test('a session that is over is not asked for again', () => {
  const { waits, heard } = stage();
  Socket.opened[0].say({ type: 'closed', seq: 3 });
  Socket.opened[0].close();
  assert.deepEqual([waits.length, heard.at(-1)], [0, 'closed']);
});

test('a share that is good no more ends it; a server that stops does not', () => {
  const { waits, heard } = stage();
  Socket.opened[0].say({ type: 'error', seq: 0, code: 'going_away', retryable: true });
  Socket.opened[0].close();
  assert.equal(waits.length, 1);
  waits[0].then();
  Socket.opened[1].say({ type: 'error', seq: 0, code: 'unauthenticated', retryable: false });
  Socket.opened[1].close();
  assert.deepEqual([waits.length, heard.at(-1)], [1, 'refused']);
});

const look = (query) => lookFrom(new URLSearchParams(query));

test('an address without wishes looks as the page does', () => {
  const plain = { theme: 'system', size: '', lines: 0, align: 'left' };
  const free = { color: '', background: '', font: '', menu: true };
  assert.deepEqual(look(''), { ...plain, ...free });
});

test('wishes are read', () => {
  const found = look('theme=clear&size=5vw&lines=2&align=center&color=ff0&background=00000080&menu=off');
  assert.deepEqual(
    [found.theme, found.size, found.lines, found.align, found.color, found.background, found.menu],
    ['clear', '5vw', 2, 'center', '#ff0', '#00000080', false],
  );
  assert.equal(look('size=48').size, '48px');
});

test('what cannot be meant is left out', () => {
  const found = look('theme=x&size=1em;x&lines=-3&color=url(x)&font=a"};b&align=right');
  assert.deepEqual(
    [found.theme, found.size, found.lines, found.color, found.font, found.align],
    ['system', '', 0, '', 'ab', 'left'],
  );
});

test('a choice of the menu goes into the address and leaves the rest', () => {
  assert.equal(String(withChoice(new URLSearchParams('session=a&size=3'), 'size', '40')), 'session=a&size=40');
});

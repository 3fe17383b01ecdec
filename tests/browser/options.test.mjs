import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  changesBetween, DEFAULT_CHOICES, loadChoices, saveChoices, sessionOptions, tunableOptions,
} from '../../clients/browser/options.js';

const ENGLISH = { name: 'tiny.en', languages: ['en'], multilingual: false };
const MANY = { name: 'base', languages: ['en', 'de'], multilingual: true };

function memory(saved = null) {
  const items = new Map([['starling.choices', saved]]);
  return { getItem: (key) => items.get(key), setItem: (key, value) => items.set(key, value) };
}

test('choices are remembered, and unknown or broken ones ignored', () => {
  const storage = memory();
  saveChoices(storage, { ...DEFAULT_CHOICES, words: true });
  assert.equal(loadChoices(storage).words, true);
  assert.deepEqual(loadChoices(memory('{"old_choice":1}')), DEFAULT_CHOICES);
  assert.deepEqual(loadChoices(memory('not json')), DEFAULT_CHOICES);
});

test('an English model is never asked for another language or a translation', () => {
  const choices = { ...DEFAULT_CHOICES, language: 'de', task: 'translate' };
  const options = tunableOptions(choices, ENGLISH);
  assert.equal(options.task, 'transcribe');
  assert.ok(!('language' in options));
  assert.equal(tunableOptions(choices, MANY).language, 'de');
  assert.equal(tunableOptions({ ...choices, language: 'fr' }, MANY).language, 'auto');
});

test('an endpoint silence nobody chose is the server’s to choose', () => {
  assert.ok(!('endpoint_silence_ms' in tunableOptions(DEFAULT_CHOICES, MANY)));
});

test('the model is named only where there is a choice', () => {
  assert.ok(!('model' in sessionOptions(DEFAULT_CHOICES, [MANY])));
  const choices = { ...DEFAULT_CHOICES, model: 'tiny.en' };
  assert.equal(sessionOptions(choices, [MANY, ENGLISH]).model, 'tiny.en');
});

test('terms are cut at commas and lines and kept within the server’s limits', () => {
  const keyterms = `Ada Lovelace,, Nairobi\nqubit, ${'x'.repeat(120)}`;
  const terms = tunableOptions({ ...DEFAULT_CHOICES, keyterms }, MANY).keyterms;
  assert.deepEqual(terms.slice(0, 3), ['Ada Lovelace', 'Nairobi', 'qubit']);
  assert.equal(terms[3].length, 100);
});

test('only what changed is sent in an update', () => {
  const before = tunableOptions(DEFAULT_CHOICES, MANY);
  const after = tunableOptions({ ...DEFAULT_CHOICES, words: true, keyterms: 'qubit' }, MANY);
  assert.deepEqual(changesBetween(before, after), { words: true, keyterms: ['qubit'] });
  assert.deepEqual(changesBetween(after, after), {});
});

/** The reader's choices: defaults, what is remembered, and what they ask of the server. Pure. */

export const DEFAULT_CHOICES = Object.freeze({
  language: 'auto',
  model: '',
  task: 'transcribe',
  endpoint_silence_ms: null,
  keyterms: '',
  prompt: '',
  microphone: '',
  stereo: false,
  size: 3,
  interim: true,
  words: false,
});

const STORAGE_KEY = 'starling.choices';

/** Remembered choices over the defaults; anything unreadable is ignored. */
export function loadChoices(storage) {
  try {
    const saved = JSON.parse(storage.getItem(STORAGE_KEY)) ?? {};
    const known = Object.entries(saved).filter(([name]) => name in DEFAULT_CHOICES);
    return { ...DEFAULT_CHOICES, ...Object.fromEntries(known) };
  } catch {
    return { ...DEFAULT_CHOICES };
  }
}

/** Remembers choices, where the browser lets pages do so. */
export function saveChoices(storage, choices) {
  try {
    storage.setItem(STORAGE_KEY, JSON.stringify(choices));
  } catch {
    // A browser that refuses storage only forgets.
  }
}

/** The model that the choices mean among those the server has loaded. */
export function chosenModel(choices, models) {
  return models.find((model) => model.name === choices.model) ?? models[0] ?? null;
}

/**
 * The options that may change mid-stream, as the server wants them. Choices that the model cannot
 * follow (another language, translating) fall back to what it can.
 * @returns {import('./starling.js').SessionOptions}
 */
export function tunableOptions(choices, model) {
  const canChoose = model?.multilingual ?? true;
  const known = ['auto', ...(model?.languages ?? [])];
  const options = {
    task: canChoose ? choices.task : 'transcribe',
    interim: choices.interim,
    words: choices.words,
    prompt: choices.prompt.trim(),
    keyterms: termsOf(choices.keyterms),
  };
  if (canChoose) options.language = known.includes(choices.language) ? choices.language : 'auto';
  if (choices.endpoint_silence_ms !== null) {
    options.endpoint_silence_ms = choices.endpoint_silence_ms;
  }
  return options;
}

/** All options of a new session, less those of the audio. */
export function sessionOptions(choices, models) {
  const model = chosenModel(choices, models);
  const named = model && models.length > 1 ? { model: model.name } : {};
  return { ...tunableOptions(choices, model), ...named };
}

/** The fields of `after` that differ from `before`; empty when nothing does. */
export function changesBetween(before, after) {
  const same = (name) => JSON.stringify(before[name]) === JSON.stringify(after[name]);
  return Object.fromEntries(Object.entries(after).filter(([name]) => !same(name)));
}

const MAX_TERMS = 100;
const MAX_TERM_CHARS = 100;

function termsOf(text) {
  const terms = text.split(/[,\n]/u).map((term) => term.trim().slice(0, MAX_TERM_CHARS));
  return terms.filter(Boolean).slice(0, MAX_TERMS);
}

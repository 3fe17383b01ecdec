/** The options form: shows choices, reads them, and fits itself to what the server offers. */

import { listMicrophones } from './microphone.js';
import { chosenModel } from './options.js';

const WIDE_SCREEN = '(min-width: 64rem)';
const KEY_STORAGE = 'starling.key';

export class OptionsPanel extends EventTarget {
  #dialog;
  #form;
  #toggle;
  #choices;
  #models = [];

  /**
   * Fires `change` with detail {choices} and `key` with detail {key}.
   * @param {{dialog: HTMLDialogElement, toggle: HTMLButtonElement, choices: object}} parts
   */
  constructor({ dialog, toggle, choices }) {
    super();
    this.#dialog = dialog;
    this.#form = dialog.querySelector('form');
    this.#toggle = toggle;
    this.#choices = choices;
    toggle.addEventListener('click', () => (dialog.open ? dialog.close() : this.open()));
    dialog.addEventListener('close', () => {
      toggle.setAttribute('aria-expanded', 'false');
      toggle.focus();
    });
    dialog.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') dialog.close();
    });
    this.#form.addEventListener('input', () => this.#read());
    this.#part('api-key').addEventListener('input', ({ target }) => this.#saveKey(target.value));
    this.#part('api-key').value = sessionStorage.getItem(KEY_STORAGE) ?? '';
    this.#show();
    this.#watchMicrophones();
  }

  /** The API key as typed; kept for this tab only. */
  get apiKey() {
    return this.#part('api-key').value.trim();
  }

  /** Opens beside the captions, or over them on a small screen. */
  open(focusOn = null) {
    if (!this.#dialog.open) {
      if (matchMedia(WIDE_SCREEN).matches) this.#dialog.show();
      else this.#dialog.showModal();
    }
    this.#toggle.setAttribute('aria-expanded', 'true');
    if (focusOn) this.#part(focusOn).focus();
    this.refreshMicrophones();
  }

  /** Fits languages, models and limits to what `GET /v1/info` said. */
  fit(info) {
    this.#models = info.models ?? [];
    this.#part('key-field').hidden = !info.auth;
    this.#part('model-field').hidden = this.#models.length < 2;
    this.#part('model').replaceChildren(...this.#models.map(({ name }) => new Option(name, name)));
    this.#part('about').textContent = `Starling ${info.version}`;
    this.#fitSilence(info.limits?.endpoint_silence_ms);
    this.#fitModel();
    this.#show();
  }

  /** Shows the endpoint silence in force until the reader chooses one. */
  showInForce({ endpoint_silence_ms: silenceMs }) {
    if (this.#choices.endpoint_silence_ms === null) this.#part('endpoint').value = silenceMs;
    this.#showSilence();
  }

  /** Lists microphones anew: names appear once permission is given. */
  async refreshMicrophones() {
    const microphones = await listMicrophones();
    const options = microphones.map(({ label, deviceId }, at) => {
      return new Option(label || `Microphone ${at + 1}`, deviceId);
    });
    const select = this.#part('microphone');
    select.replaceChildren(new Option('The browser’s choice', ''), ...options);
    select.value = this.#choices.microphone;
    if (select.selectedIndex < 0) select.value = '';
  }

  #part(id) {
    return document.getElementById(id);
  }

  #watchMicrophones() {
    this.refreshMicrophones();
    navigator.mediaDevices?.addEventListener('devicechange', () => this.refreshMicrophones());
  }

  /** The slider stays within what makes sense and what the operator allows. */
  #fitSilence(limits) {
    const slider = this.#part('endpoint');
    slider.min = Math.max(slider.min, limits?.min ?? 0);
    slider.max = Math.min(slider.max, limits?.max ?? Infinity);
    slider.value = limits?.default ?? slider.value;
  }

  #fitModel() {
    const model = chosenModel(this.#choices, this.#models);
    const isLocked = model !== null && !model.multilingual;
    const names = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'code' });
    const listed = (model?.languages ?? [])
      .map((code) => new Option(names.of(code), code))
      .sort((a, b) => a.text.localeCompare(b.text));
    const auto = isLocked ? [] : [new Option('Detect it', 'auto')];
    this.#part('language').replaceChildren(...auto, ...listed);
    this.#part('language').disabled = isLocked;
    this.#part('language-hint').hidden = !isLocked;
    this.#part('language-hint').textContent = `${model?.name} knows this language only.`;
    this.#part('task').disabled = isLocked;
  }

  #show() {
    for (const [name, value] of Object.entries(this.#choices)) {
      const control = this.#form.elements[name];
      if (control.type === 'checkbox') control.checked = value;
      else if (value !== null) control.value = value;
      if (control.tagName === 'SELECT' && control.selectedIndex < 0) control.selectedIndex = 0;
    }
    if (this.#part('task').disabled) this.#part('task').value = 'transcribe';
    this.#showSilence();
  }

  #showSilence() {
    this.#part('endpoint-value').textContent = `${this.#part('endpoint').value} ms`;
  }

  #read() {
    const before = this.#choices;
    this.#choices = { ...before };
    for (const control of this.#form.elements) {
      if (control.name && !control.disabled) this.#choices[control.name] = valueOf(control);
    }
    const isUntouched = this.#part('endpoint') !== document.activeElement;
    if (before.endpoint_silence_ms === null && isUntouched) {
      this.#choices.endpoint_silence_ms = null;
    }
    if (before.model !== this.#choices.model) this.#fitModel();
    this.#showSilence();
    this.dispatchEvent(new CustomEvent('change', { detail: { choices: this.#choices } }));
  }

  #saveKey(key) {
    sessionStorage.setItem(KEY_STORAGE, key);
    this.dispatchEvent(new CustomEvent('key', { detail: { key } }));
  }
}

function valueOf(control) {
  if (control.type === 'checkbox') return control.checked;
  return control.type === 'range' ? Number(control.value) : control.value;
}

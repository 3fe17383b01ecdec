/** The buttons of the dock and the save menu, and what they are called in each mode. */

const part = (id) => document.getElementById(id);
const MICROPHONE_MODES = ['starting', 'waiting', 'live', 'reconnecting', 'finishing'];

export class Controls extends EventTarget {
  /** Fires `toggle`, `finalize`, `save` {format}, `copy`, `clear` and `restore`. */
  constructor() {
    super();
    const isApple = /Mac|iPhone|iPad/.test(navigator.platform);
    part('start-keys').textContent = isApple ? '⌘ ↵' : 'Ctrl ↵';
    this.#forward('start', 'toggle');
    this.#forward('finalize', 'finalize');
    for (const name of ['copy', 'clear', 'restore']) this.#forward(name, name);
    for (const button of part('save-menu').querySelectorAll('[data-save]')) {
      button.addEventListener('click', () => this.#choose('save', button.dataset.save));
    }
    addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat) return;
      event.preventDefault();
      if (!part('start').disabled) this.dispatchEvent(new Event('toggle'));
    });
  }

  /** Names the mode and offers what can be done in it. */
  setMode(mode, text) {
    const isListening = MICROPHONE_MODES.includes(mode);
    part('start').dataset.listening = String(isListening);
    part('start').disabled = mode === 'file' || mode === 'finishing';
    part('start-text').textContent = isListening ? 'Stop' : 'Start';
    part('start-icon').setAttribute('href', `icons.svg#${isListening ? 'stop' : 'mic'}`);
    part('finalize').hidden = mode !== 'live';
    part('choose-file').hidden = isListening;
    part('choose-file').disabled = mode === 'file';
    part('latency').hidden = !isListening && part('latency-final').textContent === '–';
    document.title = mode === 'live' ? '● Listening · Starling' : 'Starling · live captions';
    this.setStatus(STATES[mode], text);
  }

  /** Shows how things stand in the top bar. */
  setStatus(state, text) {
    part('status').dataset.state = state;
    part('status-text').textContent = text;
  }

  /** Enables what the transcript allows. */
  offer({ canSave, canClear, canRestore }) {
    part('save').disabled = !(canSave || canClear || canRestore);
    for (const button of part('save-menu').querySelectorAll('[data-save], #copy')) {
      button.disabled = !canSave;
    }
    part('clear').disabled = !canClear;
    part('restore').hidden = !canRestore;
  }

  #forward(id, event) {
    part(id).addEventListener('click', () => this.#choose(event));
  }

  #choose(event, format) {
    part('save-menu').hidePopover();
    this.dispatchEvent(new CustomEvent(event, { detail: { format } }));
  }
}

const STATES = {
  idle: 'ready',
  starting: 'waiting',
  waiting: 'waiting',
  live: 'live',
  reconnecting: 'waiting',
  finishing: 'waiting',
  file: 'busy',
};

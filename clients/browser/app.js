/** The page: puts the parts together and decides what may happen when. */

import { CaptionDesk } from './caption-desk.js';
import { attachWordCard, CaptionsView } from './captions-view.js';
import { Controls } from './controls.js';
import { copyText, download } from './downloads.js';
import { attachFileEntry, hideFile, showFile, showProgress } from './file-panel.js';
import { FileRun } from './file-run.js';
import { diagnose, LiveRun } from './live-run.js';
import { LevelMeter } from './meter.js';
import { Microphone } from './microphone.js';
import { ProblemCard, Toast } from './notices.js';
import { changesBetween, chosenModel, loadChoices, saveChoices } from './options.js';
import { sessionOptions, tunableOptions } from './options.js';
import { OptionsPanel } from './options-panel.js';
import { Problem, problemFrom } from './problems.js';
import { ScreenLock } from './screen-lock.js';
import { SharePanel } from './share-panel.js';
import { StarlingClient } from './starling.js';
import { attachTheme } from './theme.js';

const ASK_AGAIN_MS = 3000;
const UPDATE_DELAY_MS = 400;

const part = (id) => document.getElementById(id);

class App {
  #choices = loadChoices(localStorage);
  #info = { models: [], auth: false };
  #run = null;
  #isUnsaved = false;
  #sentOptions = {};
  #updateTimer = null;
  #askTimer = null;
  #view = new CaptionsView({
    scroller: part('captions'),
    finals: part('finals'),
    open: part('open'),
    jump: part('jump'),
  });
  #desk = new CaptionDesk(this.#view);
  #controls = new Controls();
  #meter = new LevelMeter(part('meter'), part('meter-hint'));
  #problem = new ProblemCard();
  #toast = new Toast();
  #screenLock = new ScreenLock();
  #sharePanel = new SharePanel(this.#toast);
  #panel = new OptionsPanel({
    dialog: part('options'),
    toggle: part('options-toggle'),
    choices: this.#choices,
  });

  start() {
    part('host').textContent = location.host;
    document.documentElement.dataset.size = this.#choices.size;
    attachTheme(part('theme'), localStorage);
    attachWordCard(part('finals'), part('word-card'));
    attachFileEntry((file) => this.#captionFile(file));
    this.#panel.addEventListener('change', ({ detail }) => this.#choose(detail.choices));
    this.#desk.addEventListener('change', () => this.#refresh());
    this.#controls.addEventListener('toggle', () => this.#toggle());
    this.#controls.addEventListener('finalize', () => this.#run?.finalize()?.catch(() => {}));
    this.#controls.addEventListener('save', ({ detail }) => this.#save(detail.format));
    this.#controls.addEventListener('copy', () => this.#copy());
    this.#controls.addEventListener('clear', () => this.#clear());
    this.#controls.addEventListener('restore', () => this.#desk.bringBack());
    addEventListener('beforeunload', (event) => this.#isUnsaved && event.preventDefault());
    addEventListener('online', () => this.#run?.retryNow?.());
    this.#refresh();
    this.#meetServer();
  }

  get #client() {
    return new StarlingClient({ apiKey: this.#info.auth ? this.#panel.apiKey : '' });
  }

  #partsOfRun() {
    return {
      client: this.#client,
      optionsNow: () => {
        const options = sessionOptions(this.#choices, this.#info.models);
        this.#sentOptions = this.#tunable();
        return options;
      },
      diagnose: (failure) => diagnose(this.#client, this.#info.auth, failure),
    };
  }

  /** Asks the server what it offers, and again while it is not there or not ready. */
  async #meetServer() {
    clearTimeout(this.#askTimer);
    try {
      this.#info = await this.#client.info();
      this.#panel.fit(this.#info);
      if (!(await this.#client.isReady())) throw new Problem('loading', { retryable: true });
      if (!this.#run) {
        this.#problem.hide();
        this.#controls.setStatus('ready', this.#readyText());
      }
    } catch (failure) {
      const problem = problemFrom(failure);
      if (!this.#run) {
        const status = problem.kind === 'loading' ? 'Loading…' : 'No server';
        this.#controls.setStatus('offline', status);
        this.#showProblem(problem, () => this.#meetServer());
      }
      this.#askTimer = setTimeout(() => this.#meetServer(), ASK_AGAIN_MS);
    }
  }

  #readyText() {
    const model = chosenModel(this.#choices, this.#info.models);
    return model ? `Ready · ${model.name}` : 'Ready';
  }

  #toggle() {
    if (this.#run instanceof LiveRun) this.#run.stop();
    else if (!this.#run) this.#captionMicrophone();
  }

  async #captionMicrophone() {
    const microphone = new Microphone();
    const run = this.#begin(new LiveRun({ ...this.#partsOfRun(), microphone }), () => {
      const clock = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
      this.#desk.beginLive(clock);
    });
    run.addEventListener('level', ({ detail }) => {
      this.#meter.show(detail.peak, performance.now());
    });
    run.addEventListener('resumed', ({ detail }) => this.#desk.resume(detail));
    run.addEventListener('session', ({ detail }) => this.#sharePanel.follow(detail.session));
    run.addEventListener('state', ({ detail }) => this.#showState(run, detail));
    this.#screenLock.hold();
    await run.start(this.#choices.microphone);
    this.#screenLock.release();
    this.#meter.reset();
  }

  async #captionFile(file) {
    if (this.#run) {
      this.#toast.show('Stop what is running first, then open the file.');
      return;
    }
    const hadText = !this.#desk.transcript.isEmpty;
    const run = this.#begin(new FileRun(this.#partsOfRun()), () => this.#desk.beginFile(file.name));
    run.addEventListener('progress', ({ detail }) => showProgress(detail));
    showFile(file.name, () => run.cancel());
    this.#controls.setMode('file', 'Captioning a file');
    if (hadText) this.#toast.show('The earlier transcript is kept under Save.');
    this.#retryFile = () => this.#captionFile(file);
    await run.start(file, this.#choices.stereo);
    hideFile();
  }

  #retryFile = () => {};

  /** Follows a run from here to its end. `onFirstSession` runs once there is one. */
  #begin(run, onFirstSession) {
    this.#run = run;
    this.#problem.hide();
    let hasSession = false;
    run.addEventListener('session', ({ detail }) => {
      if (!hasSession) onFirstSession();
      hasSession = true;
      this.#problem.hide();
      this.#panel.showInForce(detail.options);
      part('latency-silence').textContent = `${detail.options.endpoint_silence_ms} ms`;
      this.#desk.beginSession(detail);
    });
    run.addEventListener('message', ({ detail }) => this.#take(run, detail));
    run.addEventListener('over', ({ detail }) => this.#finish(run, detail));
    return run;
  }

  #take(run, message) {
    if (message.type === 'warning') this.#toast.show(`${message.message} ${message.hint}`);
    const capturedAtMs = run.capturedAtMs?.(message.baseS + (message.end ?? 0)) ?? null;
    this.#desk.take(message, capturedAtMs);
    if (message.type === 'final') this.#isUnsaved = true;
  }

  #finish(run, { problem, isCancelled = false }) {
    this.#run = null;
    if (isCancelled) this.#toast.show('Cancelled. What was captioned is kept.');
    this.#desk.end();
    this.#sharePanel.end();
    this.#controls.setMode('idle', this.#readyText());
    this.#refresh();
    if (!problem) return;
    const retry = run instanceof LiveRun ? () => this.#captionMicrophone() : this.#retryFile;
    this.#showProblem(problem, retry);
    if (['unreachable', 'lost', 'loading'].includes(problem.kind)) this.#meetServer();
  }

  #showState(run, { state, waitS, problem }) {
    const texts = {
      starting: 'Waiting for the microphone…',
      live: 'Listening',
      finishing: 'Finishing…',
      reconnecting: 'Reconnecting…',
      waiting: 'Waiting…',
    };
    this.#controls.setMode(state, texts[state]);
    if (state === 'live') {
      this.#panel.refreshMicrophones();
      this.#problem.hide();
    }
    if (!problem) return;
    const next =
      `Trying again in ${Math.ceil(waitS)} s. Go on speaking: up to a minute is kept and ` +
      'captioned then.';
    this.#problem.show(
      problem,
      { label: 'Try now', act: () => run.retryNow(), tone: 'waiting' },
      next,
    );
  }

  #showProblem(problem, retry) {
    const ways = {
      retry: { label: 'Try again', act: retry },
      key: { label: 'Enter the key', act: () => this.#panel.open('api-key') },
      none: null,
    };
    this.#problem.show(problem, ways[problem.action]);
  }

  #tunable() {
    return tunableOptions(this.#choices, chosenModel(this.#choices, this.#info.models));
  }

  #choose(choices) {
    this.#choices = choices;
    saveChoices(localStorage, choices);
    document.documentElement.dataset.size = choices.size;
    clearTimeout(this.#updateTimer);
    this.#updateTimer = setTimeout(() => this.#updateRun(), UPDATE_DELAY_MS);
  }

  async #updateRun() {
    if (!this.#run) return;
    const changes = changesBetween(this.#sentOptions, this.#tunable());
    if (Object.keys(changes).length === 0) return;
    this.#sentOptions = this.#tunable();
    try {
      const options = await this.#run.update(changes);
      if (options) part('latency-silence').textContent = `${options.endpoint_silence_ms} ms`;
    } catch (failure) {
      this.#toast.show(problemFrom(failure).message);
    }
  }

  #save(format) {
    const name = `starling-${new Date().toISOString().slice(0, 16).replace(/[T:]/g, '-')}`;
    download(this.#desk.transcript, format, name);
    this.#isUnsaved = false;
  }

  async #copy() {
    try {
      await copyText(this.#desk.transcript);
      this.#toast.show('Copied.');
    } catch {
      this.#toast.show('The browser did not allow copying. Save the text as a file instead.');
    }
  }

  #clear() {
    this.#desk.setAside();
    this.#isUnsaved = false;
    this.#toast.show('Transcript cleared.', () => this.#desk.bringBack());
  }

  #refresh() {
    const { transcript, hasAside } = this.#desk;
    part('welcome').hidden = !transcript.isEmpty || this.#run !== null;
    this.#controls.offer({
      canSave: transcript.finals.length > 0,
      canClear: !transcript.isEmpty && !this.#run,
      canRestore: hasAside && !this.#run,
    });
  }
}

new App().start();

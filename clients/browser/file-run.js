/**
 * Captions for one audio file, sent as fast as the server takes it.
 *
 * Events: `session` {baseS, options}, `message` (server message, with `baseS`), `progress`
 * {sentBytes, numBytes, captionedS, durationS}, `over` {problem: Problem|null, isCancelled}.
 */

import { openFile } from './file-source.js';
import { problemFrom } from './problems.js';

const FORWARDED = ['speech_started', 'interim', 'final', 'utterance_ended', 'ack', 'warning'];

export class FileRun extends EventTarget {
  #client;
  #optionsNow;
  #diagnose;
  #session = null;
  #isCancelled = false;
  #progress = { sentBytes: 0, numBytes: 0, captionedS: 0, durationS: null };

  /** Parts as for `LiveRun`, without a microphone. */
  constructor({ client, optionsNow, diagnose }) {
    super();
    this.#client = client;
    this.#optionsNow = optionsNow;
    this.#diagnose = diagnose;
  }

  /** Runs to the file's end; `over` comes last. Never throws. */
  async start(file, isStereo) {
    let problem = null;
    try {
      await this.#sendSides(file, isStereo);
    } catch (failure) {
      if (!this.#isCancelled) problem = problemFrom(await this.#diagnose(failure));
    }
    this.#tell('over', { problem, isCancelled: this.#isCancelled });
  }

  /** Stops sending; what has been captioned stays. */
  cancel() {
    this.#isCancelled = true;
    this.#session?.abort();
  }

  /** Changes options of the running session, if there is one. */
  update(changes) {
    return this.#session?.update(changes);
  }

  /** A file that turns out to have one side only is captioned as that. */
  async #sendSides(file, isStereo) {
    try {
      await this.#send(await openFile(file, isStereo));
    } catch (failure) {
      if (!isStereo || failure.code !== 'unsupported_audio') throw failure;
      await this.#send(await openFile(file));
    }
  }

  async #send(source) {
    this.#report({ numBytes: source.numBytes, durationS: source.durationS });
    const session = await this.#client.open({ ...this.#optionsNow(), ...source.options });
    this.#session = session;
    if (this.#isCancelled) session.abort();
    this.#tell('session', { baseS: 0, options: session.options });
    for (const type of FORWARDED) {
      session.addEventListener(type, ({ detail }) => {
        if (type === 'ack') this.#report({ captionedS: detail.offset });
        this.#tell('message', { ...detail, baseS: 0 });
      });
    }
    let handedOverBytes = 0;
    for await (const chunk of source.chunks()) {
      if (session.state !== 'open') break;
      await session.sendAudio(chunk);
      handedOverBytes += chunk.byteLength;
      this.#report({ sentBytes: handedOverBytes - session.bufferedBytes });
    }
    this.#report({ sentBytes: handedOverBytes });
    const closed = await session.stop();
    this.#report({ captionedS: closed.summary.audio_s });
  }

  #report(changes) {
    Object.assign(this.#progress, changes);
    this.#tell('progress', { ...this.#progress });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

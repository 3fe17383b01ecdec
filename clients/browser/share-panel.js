/** The Share button and its panel: a link for readers of what is being said, and its end. */

import { problemFrom } from './problems.js';
import { Shares } from './shares.js';

const part = (id) => document.getElementById(id);

export class SharePanel {
  #shares = null;
  #sessionId = null;
  #share = null;
  #isOver = false;
  #toast;

  /** @param {import('./notices.js').Toast} toast Says what became of it. */
  constructor(toast) {
    this.#toast = toast;
    part('share').addEventListener('click', () => this.#open());
    part('share-copy').addEventListener('click', () => this.#copy());
    part('share-stop').addEventListener('click', () => this.#stop());
    part('share-link').addEventListener('focus', ({ target }) => target.select());
  }

  /** Offers to share this session; a share of one before stays with that one. */
  follow(session) {
    if (session.id === this.#sessionId) return;
    if (this.#share) this.#toast.show('A new session began. Share it again to let others read on.');
    this.#sessionId = session.id;
    this.#isOver = false;
    this.#shares = session.secret ? new Shares(session) : null;
    this.#show(null);
  }

  /** Offers nothing any more but to look at, copy and end the link there is. */
  end() {
    this.#isOver = true;
    if (this.#share) return;
    this.#shares = null;
    this.#sessionId = null;
    this.#show(null);
  }

  async #open() {
    if (!this.#share && !(await this.#make())) return;
    part('share-panel').showPopover();
    await this.#copy();
  }

  async #make() {
    part('share').disabled = true;
    try {
      this.#show(await this.#shares.make());
    } catch (failure) {
      this.#tell(failure);
    }
    part('share').disabled = false;
    return this.#share !== null;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#share.link);
      part('share-said').textContent = 'The link is copied.';
    } catch {
      part('share-said').textContent = 'Copy the link from here:';
      part('share-link').focus();
    }
  }

  async #stop() {
    part('share-stop').disabled = true;
    try {
      await this.#shares.revoke(this.#share);
      part('share-panel').hidePopover();
      this.#show(null);
      if (this.#isOver) this.end();
      this.#toast.show('No longer shared. The link is good for nothing now.');
    } catch (failure) {
      this.#tell(failure);
    }
    part('share-stop').disabled = false;
  }

  #tell(failure) {
    const problem = problemFrom(failure);
    this.#toast.show(`${problem.message.replace(/\.$/, '')}. ${problem.next}`);
  }

  #show(share) {
    this.#share = share;
    part('share').hidden = this.#shares === null;
    part('share').dataset.shared = String(share !== null);
    part('share-text').textContent = share ? 'Shared' : 'Share';
    part('share-link').value = share?.link ?? '';
    part('share-open').href = share?.link ?? '#';
    if (!share) return;
    const until = new Date(Date.now() + share.expiresInS * 1000);
    part('share-until').textContent = until.toLocaleTimeString([], {
      hour: '2-digit',
      minute: '2-digit',
    });
  }
}

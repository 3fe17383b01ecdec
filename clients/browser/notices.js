/** What the page says besides captions: a problem with its way out, and passing messages. */

const TOAST_MS = 8000;

export class ProblemCard {
  #part = (name) => document.getElementById(name);
  #act = () => {};

  constructor() {
    this.#part('problem-action').addEventListener('click', () => {
      const act = this.#act;
      this.hide();
      act();
    });
    this.#part('problem-close').addEventListener('click', () => this.hide());
  }

  /**
   * Shows what happened and the one button that helps.
   * @param {import('./problems.js').Problem} problem
   * @param {{label: string, act: () => void}|null} way
   * @param {string} [next] Replaces the problem's own next step.
   */
  show(problem, way, next = problem.next) {
    this.#act = way?.act ?? (() => {});
    this.#part('problem').dataset.tone = way?.tone ?? 'stopped';
    this.#part('problem').dataset.kind = problem.kind;
    this.#part('problem-title').textContent = problem.message;
    this.#part('problem-next').textContent = next;
    this.#part('problem-action').textContent = way?.label ?? '';
    this.#part('problem-action').hidden = way === null;
    this.#part('problem').hidden = false;
  }

  hide() {
    this.#part('problem').hidden = true;
  }
}

export class Toast {
  #part = (name) => document.getElementById(name);
  #timer = null;
  #act = () => {};

  constructor() {
    this.#part('toast-action').addEventListener('click', () => {
      this.#part('toast').hidden = true;
      this.#act();
    });
  }

  /** Says something in passing, with a way to undo it where there is one. */
  show(text, undo = null) {
    clearTimeout(this.#timer);
    this.#act = undo ?? (() => {});
    this.#part('toast-text').textContent = text;
    this.#part('toast-action').hidden = undo === null;
    this.#part('toast').hidden = false;
    this.#timer = setTimeout(() => (this.#part('toast').hidden = true), TOAST_MS);
  }
}

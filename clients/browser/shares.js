/** Shares: links that let others read a session, until they expire or are revoked. No page here. */

import { failureOf, unreachable } from './starling.js';

/** @typedef {{id: string, link: string, expiresInS: number}} Share */

/** Makes and revokes the shares of one session. */
export class Shares {
  #session;
  #url;
  #fetch;

  /**
   * @param {import('./starling.js').StarlingSession} session
   * @param {object} [settings]
   * @param {string|URL} [settings.url] The server's http(s) address (default: this page's).
   * @param {typeof fetch} [settings.fetch] For runtimes without one of their own.
   */
  constructor(session, settings = {}) {
    this.#session = session;
    this.#url = new URL(settings.url ?? './', globalThis.location?.href);
    this.#fetch = settings.fetch ?? ((...asked) => fetch(...asked));
  }

  /**
   * Makes a share; its token is in the link and nowhere else.
   * @param {object} [asked]
   * @param {number} [asked.expiresInS] Default: the server's.
   * @returns {Promise<Share>}
   * @throws {StarlingError}
   */
  async make({ expiresInS } = {}) {
    const body = expiresInS === undefined ? undefined : JSON.stringify({ expires_in_s: expiresInS });
    const made = await (await this.#ask('POST', 'shares', body)).json();
    const link = new URL(`.${made.page}`, this.#url).href;
    return { id: made.share, link, expiresInS: made.expires_in_s };
  }

  /** Makes a share good for nothing and sends its readers away; one that is gone is no failure. */
  async revoke(share) {
    try {
      await this.#ask('DELETE', `shares/${encodeURIComponent(share.id)}`);
    } catch (failure) {
      if (failure.code !== 'session_not_found') throw failure;
    }
  }

  async #ask(method, path, body) {
    const { id, secret } = this.#session;
    const address = new URL(`v1/sessions/${encodeURIComponent(id)}/${path}`, this.#url);
    const headers = { Authorization: `Bearer ${secret}` };
    let response;
    try {
      response = await this.#fetch(address, { method, headers, body, cache: 'no-store' });
    } catch {
      throw unreachable();
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }
}

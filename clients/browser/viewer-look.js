/** How the viewer page looks, from its address and back. No page here. */

export const THEMES = ['system', 'light', 'dark', 'clear'];
export const ALIGNMENTS = ['left', 'center'];
const MAX_LINES = 20;

/**
 * @typedef {object} Look
 * @property {string} theme
 * @property {string} size A CSS length, or empty for the page's own.
 * @property {number} lines How many lines show; 0 fills the page.
 * @property {string} align
 * @property {string} color A CSS colour, or empty.
 * @property {string} background A CSS colour behind the text, or empty.
 * @property {string} font A font's name, or empty.
 * @property {boolean} menu
 */

/**
 * Reads a look; what cannot be meant is left out.
 * @param {URLSearchParams} params
 * @returns {Look}
 */
export function lookFrom(params) {
  const of = (name, values) => (values.includes(params.get(name)) ? params.get(name) : values[0]);
  const lines = Number.parseInt(params.get('lines') ?? '0', 10);
  return {
    theme: of('theme', THEMES),
    size: sizeOf(params.get('size') ?? ''),
    lines: Number.isFinite(lines) ? Math.min(Math.max(lines, 0), MAX_LINES) : 0,
    align: of('align', ALIGNMENTS),
    color: colorOf(params.get('color') ?? ''),
    background: colorOf(params.get('background') ?? ''),
    font: (params.get('font') ?? '').replaceAll(/[^\p{L}\p{N} _-]/gu, '').slice(0, 60),
    menu: params.get('menu') !== 'off',
  };
}

/** Notes a choice of the menu in the address's parameters. */
export function withChoice(params, name, value) {
  const changed = new URLSearchParams(params);
  changed.set(name, value);
  return changed;
}

function sizeOf(text) {
  const found = /^(\d{1,3}(?:\.\d+)?)(px|vw|vh|rem)?$/.exec(text);
  return found && Number(found[1]) > 0 ? `${found[1]}${found[2] ?? 'px'}` : '';
}

function colorOf(text) {
  if (/^#?(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(text)) {
    return text.startsWith('#') ? text : `#${text}`;
  }
  return /^[a-z]{3,20}$/i.test(text) ? text : '';
}

/**
 * Finals to TXT, SRT and WebVTT: cues of at most two lines of 42 columns, 1 to 7 seconds long.
 *
 * Theory of operation: every final becomes tokens (a word with its time; where the server sent no
 * word times, the final's span is shared out by length). Tokens fill a cue until the next would
 * make it too long to read, preferably ending at punctuation. Cues shorter than a second then
 * stretch into the silence after them or join a neighbour of the same speaker.
 *
 * Wide characters (Chinese, Japanese, Korean) count as two columns.
 */

import { piecesOf } from './transcript.js';

export const MAX_LINE_COLUMNS = 42;
export const MAX_CUE_S = 7;
export const MIN_CUE_S = 1;
const PAUSE_S = 1.5;
const LEAST_CUE_S = 0.1;
const ROUNDING_S = 0.0005;
const LABEL_COLUMNS = 4;
const WIDE_PIECE_CHARACTERS = 4;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;
const SENTENCE_END = /[.!?…。！？]["'”’)]*$/u;
const CLAUSE_END = /[,;:—、，；：]["'”’)]*$/u;

/** @typedef {{text: string, start: number, end: number, glued: boolean}} Token */
/** @typedef {{channel: number, start: number, end: number, lines: string[]}} Cue */

/** Plain text: one paragraph per final, with the speaker's label where there are two. */
export function toText(finals, numChannels = 1) {
  const label = (final) => (numChannels > 1 ? `Channel ${final.channel + 1}: ` : '');
  return finals.map((final) => `${label(final)}${final.text}\n`).join('');
}

/** SubRip subtitles. */
export function toSrt(finals, numChannels = 1) {
  const label = (cue) => (numChannels > 1 ? `[${cue.channel + 1}] ` : '');
  return cuesOf(finals, numChannels > 1 ? LABEL_COLUMNS : 0)
    .map((cue, index) => {
      const times = `${clock(cue.start, ',')} --> ${clock(cue.end, ',')}`;
      return `${index + 1}\n${times}\n${label(cue)}${cue.lines.join('\n')}\n`;
    })
    .join('\n');
}

/** WebVTT subtitles; two channels become two voices. */
export function toVtt(finals, numChannels = 1) {
  const voice = (cue) => (numChannels > 1 ? `<v Channel ${cue.channel + 1}>` : '');
  const cues = cuesOf(finals).map((cue) => {
    const times = `${clock(cue.start, '.')} --> ${clock(cue.end, '.')}`;
    return `${times}\n${voice(cue)}${cue.lines.map(escapeVtt).join('\n')}\n`;
  });
  return ['WEBVTT\n', ...cues].join('\n');
}

/**
 * Cues in time order.
 * @param {import('./transcript.js').Final[]} finals
 * @param {number} labelColumns Room to leave for a speaker's label on the first line.
 * @returns {Cue[]}
 */
export function cuesOf(finals, labelColumns = 0) {
  const channels = [...new Set(finals.map((final) => final.channel))];
  return channels
    .flatMap((channel) => {
      const tokens = finals.filter((final) => final.channel === channel).map(tokensOf);
      const groups = tokens.flatMap((ofFinal) => groupsOf(ofFinal, labelColumns));
      return lengthen(groups, labelColumns).map((group) => cueOf(group, channel, labelColumns));
    })
    .sort((a, b) => a.start - b.start || a.channel - b.channel);
}

/** @returns {Token[]} */
export function tokensOf(final) {
  const pieces = final.words?.length ? timedPieces(final) : untimedPieces(final);
  return pieces.flatMap(splitLong);
}

function timedPieces(final) {
  const tokens = [];
  let glued = false;
  for (const { text, word } of piecesOf(final.text, final.words)) {
    if (word) {
      tokens.push({ text, start: word.start, end: Math.max(word.start, word.end), glued });
    } else if (text.trim()) {
      addLoose(tokens, text, final);
    }
    glued = !/\s$/u.test(text);
  }
  return tokens;
}

/** Text the words do not cover, mostly punctuation, borrows its neighbour's time. */
function addLoose(tokens, text, final) {
  const at = tokens.at(-1)?.end ?? final.start;
  const glued = tokens.length > 0 && !/^\s/u.test(text);
  for (const [index, part] of text.trim().split(/\s+/u).entries()) {
    tokens.push({ text: part, start: at, end: at, glued: glued && index === 0 });
  }
}

function untimedPieces(final) {
  const parts = final.text.split(/\s+/u).filter(Boolean);
  const total = parts.reduce((sum, part) => sum + part.length, 0) || 1;
  const perChar = (final.end - final.start) / total;
  let at = final.start;
  return parts.map((text) => {
    const start = at;
    at += text.length * perChar;
    return { text, start, end: at, glued: false };
  });
}

/** Text without spaces can be wider than a line; it is cut by character. */
function splitLong(token) {
  const isWide = WIDE.test(token.text);
  const size = isWide ? WIDE_PIECE_CHARACTERS : MAX_LINE_COLUMNS - LABEL_COLUMNS;
  const characters = [...token.text];
  if (characters.length <= size) return [token];
  const perChar = (token.end - token.start) / characters.length;
  const parts = [];
  for (let at = 0; at < characters.length; at += size) {
    const text = characters.slice(at, at + size).join('');
    const start = token.start + at * perChar;
    const end = token.start + Math.min(at + size, characters.length) * perChar;
    parts.push({ text, start, end, glued: at > 0 || token.glued });
  }
  return parts;
}

function groupsOf(tokens, labelColumns) {
  const groups = [];
  let group = [];
  for (const token of tokens) {
    while (group.length && !fits([...group, token], labelColumns)) {
      const kept = breakPoint(group);
      groups.push(group.slice(0, kept));
      group = group.slice(kept);
    }
    if (group.length && token.start - group.at(-1).end > PAUSE_S) {
      groups.push(group);
      group = [];
    }
    group.push(token);
  }
  if (group.length) groups.push(group);
  return groups;
}

function fits(tokens, labelColumns) {
  const spoken = tokens.at(-1).end - tokens[0].start;
  return spoken <= MAX_CUE_S && wrap(tokens, labelColumns) !== null;
}

/** How many tokens to keep: up to the last sentence or clause end in the later half. */
function breakPoint(group) {
  const least = Math.ceil(group.length / 2);
  for (const pattern of [SENTENCE_END, CLAUSE_END]) {
    for (let kept = group.length; kept >= least; kept -= 1) {
      if (pattern.test(group[kept - 1].text)) return kept;
    }
  }
  return group.length;
}

/** One or two lines, evenly filled, or null when there is no way. */
function wrap(tokens, labelColumns) {
  const whole = lineOf(tokens);
  if (columns(whole) + labelColumns <= MAX_LINE_COLUMNS) return [whole];
  let best = null;
  for (let cut = 1; cut < tokens.length; cut += 1) {
    const lines = [lineOf(tokens.slice(0, cut)), lineOf(tokens.slice(cut))];
    const [first, second] = [columns(lines[0]) + labelColumns, columns(lines[1])];
    if (first > MAX_LINE_COLUMNS || second > MAX_LINE_COLUMNS) continue;
    const unevenness = Math.abs(first - second) - (CLAUSE_END.test(lines[0]) ? 6 : 0);
    if (best === null || unevenness < best.unevenness) best = { lines, unevenness };
  }
  return best?.lines ?? null;
}

function lineOf(tokens) {
  return tokens.map((token, at) => (at === 0 || token.glued ? '' : ' ') + token.text).join('');
}

/** Gives every cue its second where the speech leaves room for it. */
function lengthen(groups, labelColumns) {
  const cues = groups.map((tokens) => {
    return { tokens, start: tokens[0].start, end: tokens.at(-1).end };
  });
  const done = [];
  for (const [index, cue] of cues.entries()) {
    const room = cues[index + 1]?.start ?? Infinity;
    cue.end = Math.min(Math.max(cue.end, cue.start + MIN_CUE_S), Math.max(room, cue.start + LEAST_CUE_S));
    const previous = done.at(-1);
    const joined = previous && isShort(previous, cue) && join(previous, cue, labelColumns);
    if (joined) done[done.length - 1] = joined;
    else done.push(cue);
  }
  return done;
}

const isShort = (...cues) => cues.some((cue) => cue.end - cue.start < MIN_CUE_S - ROUNDING_S);

function join(first, second, labelColumns) {
  const tokens = [...first.tokens, ...second.tokens];
  const isTooLong = second.end - first.start > MAX_CUE_S;
  const isApart = second.start - first.end > PAUSE_S;
  if (isTooLong || isApart || wrap(tokens, labelColumns) === null) return null;
  return { tokens, start: first.start, end: second.end };
}

function cueOf({ tokens, start, end }, channel, labelColumns) {
  const last = Math.min(end, start + MAX_CUE_S);
  return { channel, start, end: last, lines: wrap(tokens, labelColumns) };
}

function columns(text) {
  let count = 0;
  for (const character of text) count += WIDE.test(character) ? 2 : 1;
  return count;
}

/** 3661.5 as 01:01:01,500 with the separator of the format. */
export function clock(seconds, separator) {
  const ms = Math.round(Math.max(0, seconds) * 1000);
  const pad = (value, width = 2) => String(value).padStart(width, '0');
  const [h, m, s] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map(Math.floor);
  return `${pad(h)}:${pad(m)}:${pad(s)}${separator}${pad(ms % 1000, 3)}`;
}

const escapeVtt = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

import { InvalidArgumentError } from 'commander';
import { parseDecimal, parseInteger } from '@orderstream/config';

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** An integer of `min` to `max`. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseInteger(text, { min, max });
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}.`);
  };
}

/** A number of `min` to `max`. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseDecimal(text, { min, max });
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
  };
}

/** `30s`, `10m`, `2h`, `1d`, in milliseconds. */
export function duration(text: string): number {
  const value = durationMs(text);
  if (value === undefined) throw new InvalidArgumentError('Expected a duration such as 30s, 10m, 2h or 1d.');
  return value;
}

/** The same, as it was written: the server reads it. */
export function durationText(text: string): string {
  duration(text);
  return text;
}

function durationMs(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
  return ms > 0 ? ms : undefined;
}

/** A time (RFC 3339), or how long ago: `2h` is two hours before `now`. @returns RFC 3339 in UTC */
export function time(now: () => number): (text: string) => string {
  return (text) => {
    const ago = durationMs(text);
    const at = ago === undefined ? timeMs(text) : now() - ago;
    if (at !== undefined) return new Date(at).toISOString();
    throw new InvalidArgumentError('Expected a time such as 2026-11-26T08:00:00Z, or how long ago: 30m, 2h, 1d.');
  };
}

function timeMs(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** Collects `name=value` of a repeatable option. */
export function pairs(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[^=\s]+=/.test(text)) throw new InvalidArgumentError('Expected name=value.');
  return [...before, text];
}

export function httpUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('Expected an http or https URL.');
}

/** `<topic>/<partition>/<offset>`, the id of a dead letter, as the path of its address. */
export function letterPath(text: string): string {
  const match = /^([\w.-]+)\/(\d+)\/(\d+)$/.exec(text);
  if (match !== null) return text;
  throw new InvalidArgumentError('Expected the id of a dead letter: <topic>/<partition>/<offset>.');
}

/** The id of a plan: it becomes a part of an address. */
export function planId(text: string): string {
  if (/^[\w.-]{1,100}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of a replay plan: replay list shows them.');
}

/** The id of a batch run: it becomes a part of an address. */
export function runId(text: string): string {
  if (/^(load|file)_[a-z0-9_]{1,60}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of a run: runs list shows them.');
}

/** A day in UTC. */
export function day(text: string): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(at) && new Date(at).toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError('Expected a day such as 2026-01-31.');
}

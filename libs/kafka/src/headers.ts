import type { IHeaders } from 'kafkajs';

/** Kafka headers as kafkajs has them: a repeated name is an array; values from the broker are Buffers. */
export type RecordHeaders = IHeaders;

/** One header of a record: its name and its value. */
export type HeaderField = readonly [name: string, value: Buffer | string | null];

/** The property of a map of headers that holds their order, if the map itself does not show it. A copy does not have it. */
const FIELDS = Symbol('header fields');

/**
 * A map without inherited names. V8 stores the headers of equal names in one shape; an object of `Object.create(null)` is a
 * hash table, which takes more CPU (`npm run bench`).
 */
function HeaderMap(): void {
  // An object with this prototype has no other property.
}
HeaderMap.prototype = Object.create(null) as object;
const newHeaders = (): RecordHeaders => Reflect.construct(HeaderMap, []) as RecordHeaders;

/** Names that an object lists first, in ascending order, wherever they were added. */
const ARRAY_INDEX = /^(?:0|[1-9]\d{0,9})$/;

/** Whether a map of headers keeps the order of these names: none is an array index, and equal ones are adjacent. */
function isOrderKept(fields: readonly HeaderField[]): boolean {
  const seen = new Set<string>();
  let previous: string | undefined;
  for (const [name] of fields) {
    if (name === previous) continue;
    if (seen.has(name) || ARRAY_INDEX.test(name)) return false;
    seen.add(name);
    previous = name;
  }
  return true;
}

/** A map of these headers, in which `headerFields` finds them in the same order. */
export function headersOf(fields: readonly HeaderField[]): RecordHeaders {
  const headers = newHeaders();
  for (const [name, value] of fields) addHeader(headers, name, value);
  return isOrderKept(fields) ? headers : withFields(headers, fields);
}

/** Records the order of the headers in their map, for a map that does not show it by itself. */
export function withFields(headers: RecordHeaders, fields: readonly HeaderField[]): RecordHeaders {
  return Object.defineProperty(headers, FIELDS, { value: fields });
}

/**
 * The headers that `keep` accepts, in their order, and `added` behind them. `keep` must not accept a name of `added`. The
 * result inherits no name: any header name is safe.
 *
 * It runs once for each record: a map that shows the order by itself is copied without a list of its headers.
 */
export function selectHeaders(
  headers: RecordHeaders,
  keep: (name: string) => boolean,
  added: readonly HeaderField[],
): RecordHeaders {
  const ordered = orderedFields(headers);
  if (ordered !== undefined) return headersOf([...ordered.filter(([name]) => keep(name)), ...added]);
  const selected = newHeaders();
  for (const name in headers) if (keep(name)) selected[name] = headers[name];
  for (const [name, value] of added) selected[name] = value as Buffer | string;
  return selected;
}

/** The headers in their order: as they came, for the headers of a record of the log. */
export function headerFields(headers: RecordHeaders): readonly HeaderField[] {
  const ordered = orderedFields(headers);
  if (ordered !== undefined) return ordered;
  const fields: HeaderField[] = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (Array.isArray(value)) for (const one of value) fields.push([name, one]);
    else fields.push([name, value ?? null]);
  }
  return fields;
}

/** The order that `withFields` recorded; undefined for headers whose map shows it. */
export function orderedFields(headers: RecordHeaders): readonly HeaderField[] | undefined {
  return (headers as { [FIELDS]?: readonly HeaderField[] })[FIELDS];
}

/**
 * Adds a header to a map.
 *
 * @returns whether the map already had the name
 */
export function addHeader(headers: RecordHeaders, name: string, value: Buffer | string | null): boolean {
  // The type of kafkajs has no null, which Kafka allows.
  const stored = value as Buffer | string;
  // Most names are new, and no object inherits them.
  if (headers[name] === undefined && name !== '__proto__') {
    headers[name] = stored;
    return false;
  }
  if (!Object.hasOwn(headers, name)) {
    // An assignment to __proto__ would set the prototype.
    if (name === '__proto__') setOwn(headers, name, stored);
    else headers[name] = stored;
    return false;
  }
  const before = headers[name];
  if (Array.isArray(before)) before.push(stored);
  else setOwn(headers, name, [before as Buffer | string, stored]);
  return true;
}

function setOwn(headers: RecordHeaders, name: string, value: Buffer | string | (Buffer | string)[]): void {
  Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true });
}

import { createHash } from 'node:crypto';
import { CE, contractsOfFamily, type Family } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, type RecordHeaders } from '@orderstream/kafka';
import { applyPatch, type Operation } from 'rfc6902';
import { headerText } from '../headers';
import { exactJson } from './exact-json';

/** One operation of RFC 6902. Paths are those of RFC 6901. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string };
export type JsonPatch = readonly PatchOperation[];

const MAX_OPERATIONS = 100;
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
/** Names that would reach the prototype of an object. */
const UNSAFE_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * What is wrong with a patch, apart from the letters that it meets; empty if nothing is.
 * @param family undefined for letters that meet no contract: any field of theirs can be edited
 */
export function patchProblems(patch: readonly unknown[], family: Family | undefined): string[] {
  if (patch.length === 0 || patch.length > MAX_OPERATIONS) {
    return [`edit: expected 1 to ${String(MAX_OPERATIONS)} operations, found ${String(patch.length)}`];
  }
  return patch.flatMap((operation, index) =>
    operationProblems(operation, family).map((problem) => `edit/${String(index)}: ${problem}`),
  );
}

function operationProblems(operation: unknown, family: Family | undefined): string[] {
  if (typeof operation !== 'object' || operation === null) return ['expected an operation of RFC 6902'];
  const { op, path, from } = operation as Readonly<Record<string, unknown>>;
  const problems: string[] = [];
  if (!['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(String(op))) {
    problems.push('op: expected add, remove, replace, move, copy or test');
  }
  const changed = op === 'test' ? [] : [path];
  const pointers: unknown[] = [path];
  if (op === 'move' || op === 'copy') pointers.push(from);
  if (op === 'move') changed.push(from);
  if (['add', 'replace', 'test'].includes(String(op)) && !('value' in operation)) problems.push('value: expected one');
  for (const pointer of pointers) {
    const names = typeof pointer === 'string' && POINTER.test(pointer) ? namesOf(pointer) : undefined;
    if (names === undefined) problems.push('path or from: expected a JSON pointer (RFC 6901), such as /item_price');
    else if (names.some((name) => UNSAFE_NAMES.has(name))) problems.push('path or from: the name is not allowed');
  }
  const fixed = family === undefined ? [] : fixedFieldsOf(family);
  for (const pointer of changed) {
    const [field] = typeof pointer === 'string' ? namesOf(pointer) : [];
    if (field !== undefined && fixed.includes(field)) {
      problems.push(`${field} cannot be edited: it says which event this is, and which partition it belongs to`);
    }
  }
  return problems;
}

const namesOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));

/** Fields that no edit changes, whatever the type of the event. Of a letter, its own key field is one as well. */
function fixedFieldsOf(family: Family): readonly string[] {
  const keyFields = new Set(contractsOfFamily(family).map(({ keyField }) => keyField));
  return ['event_id', 'event_type', ...(keyFields.size === 1 ? keyFields : [])];
}

/** What is edited. */
export interface EditedRecord {
  /** Identity of the letter: app, source topic, partition, offset and attempt. */
  readonly identity: string;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

export type Edit =
  | {
      readonly value: Buffer;
      readonly headers: RecordHeaders;
      /** SHA-256 of the value before and after, in hex. */
      readonly editedFrom: string;
      readonly editedTo: string;
    }
  | { readonly problem: string };

/**
 * The record as a new event: its body is patched, and it has an id of its own, which depends only on the letter and the
 * patch. `ce_causationid` is the id of the event that it replaces. Without an answer of the contract: see `ContractCheck`.
 */
export function editRecord(record: EditedRecord, patch: JsonPatch, family: Family): Edit {
  const original = parsed(record.value);
  const before = fieldsOf(original);
  const patched = patchedBody(original, patch);
  if ('problem' in patched) return patched;
  const body = fieldsOf(patched.body);
  if (body === undefined) return { problem: 'the result is not a JSON object' };
  const changed = before === undefined ? undefined : changedField(before, body, family);
  if (changed !== undefined) return { problem: `the edit changes ${changed}` };

  const oldId = headerText(record.headers, CE.id) ?? textOf(before?.event_id);
  const id = idOf(record, patch);
  const value = Buffer.from(JSON.stringify({ ...body, event_id: id }));
  const occurredAt = textOf(body.occurred_at);
  return edited(record, value, withHeaders(record.headers, { [CE.id]: id, [CE.time]: occurredAt }, oldId));
}

/**
 * The record of another program with its body patched. No contract says what the body must be: it is any JSON value, and
 * stays one. A record with `ce_id` is a CloudEvent: it gets an id of its own, as in `editRecord`.
 */
export function editForeignRecord(record: EditedRecord, patch: JsonPatch): Edit {
  const original = exactJson(record.value);
  if ('problem' in original) return original;
  const patched = patchedBody(original.body, patch);
  if ('problem' in patched) return patched;
  const text = JSON.stringify(patched.body) as string | undefined;
  if (text === undefined) return { problem: 'the result is not a JSON value' };
  const oldId = headerText(record.headers, CE.id);
  const headers =
    oldId === undefined ? record.headers : withHeaders(record.headers, { [CE.id]: idOf(record, patch) }, oldId);
  return edited(record, Buffer.from(text), headers);
}

/** The same id for each repetition of an edit. */
const idOf = ({ identity }: EditedRecord, patch: JsonPatch): string => uuidOf(`${identity}\n${JSON.stringify(patch)}`);

const edited = (record: EditedRecord, value: Buffer, headers: RecordHeaders): Edit => ({
  value,
  headers,
  editedFrom: sha256(record.value ?? Buffer.alloc(0)),
  editedTo: sha256(value),
});

/** The headers with other values, and the id of the event that is replaced. */
function withHeaders(
  headers: RecordHeaders,
  replaced: Readonly<Record<string, string | undefined>>,
  oldId: string | undefined,
): RecordHeaders {
  const fields = headerFields(headers)
    .filter(([name]) => name !== CE.causationId)
    .map(([name, text]): HeaderField => [name, replaced[name] ?? text]);
  if (oldId !== undefined) fields.push([CE.causationId, oldId]);
  return headersOf(fields);
}

function patchedBody(original: unknown, patch: JsonPatch): { readonly body: unknown } | { readonly problem: string } {
  const document: { body?: unknown } = { body: original };
  const results = applyPatch(document, patch.map(wrapped));
  const failed = results.findIndex((result) => result !== null);
  if (failed >= 0) return { problem: `operation ${String(failed)} does not apply: ${results[failed]?.name ?? ''}` };
  return { body: document.body };
}

/** The body of a letter may be replaced as a whole: the operations work on it as the field of a document. */
function wrapped(operation: PatchOperation): Operation {
  const path = `/body${operation.path}`;
  return 'from' in operation ? { ...operation, path, from: `/body${operation.from}` } : { ...operation, path };
}

function changedField(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  family: Family,
): string | undefined {
  const contract = contractsOfFamily(family).find(({ type }) => type === before.event_type);
  const fixed = ['event_id', 'event_type', ...(contract === undefined ? [] : [contract.keyField])];
  return fixed.find((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
}

/** The JSON value of the bytes; undefined when they are none. */
function parsed(value: Buffer | null): unknown {
  try {
    return value === null ? undefined : JSON.parse(value.toString('utf8'));
  } catch {
    // A cut or malformed value has no fields; an operation can still replace it as a whole.
    return undefined;
  }
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A UUID of version 8 (RFC 9562): the first bits of a SHA-256. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

import { validateSync } from 'class-validator';
import type { EventColumn } from './columns';
import { EVENT_CONTRACTS } from './event-contracts';
import { timestampProblem } from './timestamps';

/** One violated constraint of a body. */
export interface Violation {
  /** Name of the field, at most 128 characters of an unknown one. */
  readonly path: string;
  /** Name of the constraint, such as `isDecimalString`. */
  readonly constraint: string;
  /** What was expected and what was found. Contains no personal data. */
  readonly message: string;
}

/** Bounds the report, because a record can contain any number of unknown fields of any length. */
const MAX_UNKNOWN_FIELDS = 100;
const MAX_PATH_LENGTH = 128;
const MAX_FOUND_LENGTH = 40;

const MISSING = 'isDefined';
const WHOLE_NUMBER = 'isWholeNumber';
const INTEGER_SPELLING = /^(?:0|-?[1-9][0-9]*)$/;

function unknownField(name: string): Violation {
  const path = name.slice(0, MAX_PATH_LENGTH);
  return { path, constraint: 'whitelistValidation', message: 'expected no field of this name' };
}

const clipped = (text: string): string =>
  text.length <= MAX_FOUND_LENGTH ? text : `${text.slice(0, MAX_FOUND_LENGTH - 1)}…`;

/** What a field holds. `spelling` is the text of a number in the JSON. Of personal data only type and length are named. */
function foundIn(value: unknown, spelling: string | undefined, { personal }: EventColumn): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return personal ? 'a number' : clipped(spelling ?? String(value));
  if (typeof value === 'string') {
    return personal ? `a string of ${String(value.length)} code units` : clipped(JSON.stringify(value));
  }
  if (value === null || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}

function messageOf(column: EventColumn, value: unknown, spelling: string | undefined): string {
  const problem = column.type === 'TIMESTAMP' && typeof value === 'string' ? timestampProblem(value) : undefined;
  const { expected, found } = problem ?? {
    expected: value === undefined || value === null ? 'a value' : column.expected,
    found: foundIn(value, spelling, column),
  };
  return `expected ${expected}, found ${clipped(found)}`;
}

const NO_SPELLINGS: ReadonlyMap<string, string> = new Map();

/**
 * All violations of a body: the fields in the order of the contract, then the unknown fields. Empty for a valid body. A
 * missing field has the one violation `isDefined`. Slow, because it runs `validateSync`: call it for rejected records
 * only.
 *
 * @param spellings by field, the text of each number in the JSON. An integer must be written in digits: `2e0` and `2.0`
 * violate the constraint, though they parse to an integer. Without it the numbers count as parsed.
 */
export function explain(
  type: string,
  body: Readonly<Record<string, unknown>>,
  spellings: ReadonlyMap<string, string> = NO_SPELLINGS,
): readonly Violation[] {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) {
    return [{ path: 'event_type', constraint: 'isKnownType', message: 'expected the event type of a contract' }];
  }
  const instance = new contract.eventClass();
  const names = contract.columns.map(({ name }) => name);
  // Copies only fields of the contract: an own `__proto__` or `constructor` would change the validated class.
  for (const name of names) if (Object.hasOwn(body, name)) Object.assign(instance, { [name]: body[name] });
  const constraints = new Map(validateSync(instance).map((error) => [error.property, error.constraints ?? {}]));
  const known = contract.columns.flatMap((column) => {
    const value = Object.hasOwn(body, column.name) ? body[column.name] : undefined;
    const spelling = spellings.get(column.name);
    let failed = Object.keys(constraints.get(column.name) ?? {});
    if (failed.includes(MISSING)) failed = [MISSING];
    if (failed.length === 0 && typeof value === 'number' && spelling !== undefined) {
      failed = INTEGER_SPELLING.test(spelling) ? [] : [WHOLE_NUMBER];
    }
    const message = failed.length === 0 ? '' : messageOf(column, value, spelling);
    return failed.map((constraint) => ({ path: column.name, constraint, message }));
  });
  const unknown = Object.keys(body).filter((name) => !names.includes(name));
  return [...known, ...unknown.slice(0, MAX_UNKNOWN_FIELDS).map(unknownField)];
}

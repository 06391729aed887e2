import { validateSync } from 'class-validator';
import { EVENT_CONTRACTS } from './event-contracts';

/** One violated constraint of a body. */
export interface Violation {
  /** Name of the field, at most 128 characters of an unknown one. */
  readonly path: string;
  /** Name of the constraint, such as `isDecimalString`. */
  readonly constraint: string;
  readonly message: string;
}

/** Bounds the report, because a record can contain any number of unknown fields of any length. */
const MAX_UNKNOWN_FIELDS = 100;
const MAX_PATH_LENGTH = 128;

const MISSING = 'isDefined';

function unknownField(name: string): Violation {
  const path = name.slice(0, MAX_PATH_LENGTH);
  return { path, constraint: 'whitelistValidation', message: `property ${path} should not exist` };
}

/**
 * All violations of a body: the fields in the order of the contract, then the unknown fields. Empty for a valid body. A
 * missing field has the one violation `isDefined`. Slow, because it runs `validateSync`: call it for rejected records
 * only.
 */
export function explain(type: string, body: Readonly<Record<string, unknown>>): readonly Violation[] {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) {
    return [
      { path: 'event_type', constraint: 'isKnownType', message: 'event_type must be the event type of a contract' },
    ];
  }
  const instance = new contract.eventClass();
  const names = contract.columns.map(({ name }) => name);
  // Copies only fields of the contract: an own `__proto__` or `constructor` would change the validated class.
  for (const name of names) if (Object.hasOwn(body, name)) Object.assign(instance, { [name]: body[name] });
  const constraints = new Map(validateSync(instance).map((error) => [error.property, error.constraints ?? {}]));
  const known = names.flatMap((path) => {
    const failed = Object.entries(constraints.get(path) ?? {});
    const missing = failed.filter(([constraint]) => constraint === MISSING);
    return (missing.length > 0 ? missing : failed).map(([constraint, message]) => ({ path, constraint, message }));
  });
  const unknown = Object.keys(body).filter((name) => !names.includes(name));
  return [...known, ...unknown.slice(0, MAX_UNKNOWN_FIELDS).map(unknownField)];
}

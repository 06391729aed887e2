import { StateUnreadableError } from '../errors';

/** Version of every record of the state topic. A reader rejects any other version. */
export const STATE_VERSION = 3;

/** One record of the state topic. A null value is a tombstone. */
export interface StateRecord {
  readonly key: string;
  readonly value: string | null;
}

/**
 * Decodes the value of a state record with `read`.
 * @throws StateUnreadableError if the value is damaged or of an unknown version.
 */
export function decodeStateRecord<T>(key: string, value: string, read: (fields: RecordFields) => T): T {
  try {
    const fields = new RecordFields(JSON.parse(value));
    const version = fields.number('v');
    if (version !== STATE_VERSION)
      throw new TypeError(`its version is ${version.toString()}, not ${STATE_VERSION.toString()}`);
    return read(fields);
  } catch (cause) {
    throw new StateUnreadableError(key, cause);
  }
}

/** Typed access to a JSON object. Each getter throws a TypeError that names the field. */
export class RecordFields {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(source: unknown) {
    if (typeof source !== 'object' || source === null) throw new TypeError('it is not an object');
    this.values = source as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string') throw new TypeError(`${name} is not a string`);
    return value;
  }

  number(name: string): number {
    const value = this.optionalNumber(name);
    if (value === undefined) throw new TypeError(`${name} is missing`);
    return value;
  }

  truth(name: string): boolean {
    const value = this.values[name];
    if (typeof value !== 'boolean') throw new TypeError(`${name} is neither true nor false`);
    return value;
  }

  optionalNumber(name: string): number | undefined {
    const value = this.values[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw new TypeError(`${name} is not a number`);
    return value;
  }

  numbers(name: string): readonly number[] {
    return this.list(name, (item) => typeof item === 'number');
  }

  texts(name: string): readonly string[] {
    return this.list(name, (item) => typeof item === 'string');
  }

  object(name: string): RecordFields {
    return new RecordFields(this.values[name] ?? {});
  }

  private list<T>(name: string, isItem: (item: unknown) => item is T): readonly T[] {
    const value: unknown = this.values[name];
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    const items: readonly unknown[] = value;
    if (!items.every(isItem)) throw new TypeError(`an item of ${name} has the wrong type`);
    return items;
  }
}

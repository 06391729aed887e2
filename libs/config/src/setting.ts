import { type ZodType } from 'zod';
import { parseDecimal, parseInteger, type Range } from './numbers';

/** The result of a parser: a value, or undefined when the text is not as expected. */
type Parsed<T> = { readonly value: T } | undefined;

/**
 * One environment variable: its documentation, its default and its parser. docs/configuration.md, `.env.example` and the
 * error message of a failed start are generated from it.
 */
export interface Setting<T> {
  readonly kind: 'setting';
  readonly env: string;
  readonly description: string;
  /** Completes the sentence "expected …". */
  readonly expected: string;
  /** The default as it is written in the environment; undefined when there is none. */
  readonly default: string | undefined;
  /** The variable may be unset; its value is undefined then. */
  readonly optional: boolean;
  /** Neither its value nor its default is ever printed. */
  readonly secret: boolean;
  parse(this: void, text: string): Parsed<T>;
}

/** The variable with the path of a file that contains the value; secrets have one. */
export function fileVariable({ env, secret }: Setting<unknown>): string | undefined {
  return secret ? `${env}_FILE` : undefined;
}

interface Base<T> {
  readonly env: string;
  readonly description: string;
  readonly default?: T;
  readonly secret?: boolean;
}

function setting<T>(
  base: Base<T>,
  expected: string,
  parse: (text: string) => Parsed<T>,
  format: (value: T) => string = String,
): Setting<T> {
  return {
    kind: 'setting',
    env: base.env,
    description: base.description,
    expected,
    default: base.default === undefined ? undefined : format(base.default),
    optional: false,
    secret: base.secret ?? false,
    parse,
  };
}

function rangeText({ min, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${String(min)} to ${String(max)}`;
  if (min !== undefined) return ` of at least ${String(min)}`;
  return max === undefined ? '' : ` of at most ${String(max)}`;
}

/** Any text, or one that matches `pattern`. */
function string(options: Base<string> & { readonly pattern?: RegExp; readonly expected?: string }): Setting<string> {
  const { pattern, expected = 'a text' } = options;
  return setting(options, expected, (text) =>
    pattern === undefined || pattern.test(text) ? { value: text } : undefined,
  );
}

/** A safe integer in decimal digits. */
function integer(options: Base<number> & Range): Setting<number> {
  return setting(options, `an integer${rangeText(options)}`, (text) => {
    const value = parseInteger(text, options);
    return value === undefined ? undefined : { value };
  });
}

/** A number in decimal notation. */
function number(options: Base<number> & Range): Setting<number> {
  return setting(options, `a number${rangeText(options)}`, (text) => {
    const value = parseDecimal(text, options);
    return value === undefined ? undefined : { value };
  });
}

function boolean(options: Base<boolean>): Setting<boolean> {
  return setting(options, '`true` or `false`', (text) =>
    text === 'true' || text === 'false' ? { value: text === 'true' } : undefined,
  );
}

/** One of the given words. */
function oneOf<const W extends string>(options: Base<W> & { readonly values: readonly W[] }): Setting<W> {
  const expected = `one of ${options.values.map((word) => `\`${word}\``).join(', ')}`;
  return setting(options, expected, (text) => {
    const value = options.values.find((word) => word === text);
    return value === undefined ? undefined : { value };
  });
}

/** A comma-separated list of at least one item. Spaces around an item are removed; no item is empty. */
function list(
  options: Base<readonly string[]> & { readonly item?: RegExp; readonly expected?: string },
): Setting<readonly string[]> {
  const { item = /./, expected = 'a comma-separated list' } = options;
  return setting(
    options,
    expected,
    (text) => {
      const value = text.split(',').map((entry) => entry.trim());
      return value.every((entry) => entry !== '' && item.test(entry)) ? { value } : undefined;
    },
    (value) => value.join(','),
  );
}

/** A JSON value of the given schema. `expected` describes it; the schema's own messages could contain the value. */
function json<T>(options: Base<T> & { readonly schema: ZodType<T>; readonly expected: string }): Setting<T> {
  return setting(
    options,
    options.expected,
    (text) => {
      try {
        const result = options.schema.safeParse(JSON.parse(text));
        return result.success ? { value: result.data } : undefined;
      } catch {
        return undefined;
      }
    },
    (value) => JSON.stringify(value),
  );
}

/** The same setting, which may be unset; its value is undefined then. */
function optional<T>(inner: Setting<T>): Setting<T | undefined> {
  return { ...inner, default: undefined, optional: true };
}

/** Builders of settings, by the kind of their value. */
export const settings = { string, integer, number, boolean, oneOf, list, json, optional } as const;

import 'reflect-metadata';
import { IsDefined, IsOptional, ValidateBy } from 'class-validator';
import type { BigQueryType, EventColumn, FieldSchema } from './columns';
import { FIRST_YEAR, LAST_YEAR, timestampMicros } from './timestamps';

/**
 * The decorators of event classes. One decorator adds both the class-validator constraint and the column's metadata to
 * a property, so the two cannot differ.
 *
 * The types must match: `@Sha256` on a `number`, or a nullable property without `nullable: true`, does not compile.
 */

interface FieldOptions {
  /** May be null or absent. */
  readonly nullable?: boolean;
  readonly personal?: boolean;
  readonly example?: string | number | boolean;
}
type Nullable = FieldOptions & { readonly nullable: true };
type Required = FieldOptions & { readonly nullable?: false };

type RequiredField<V> = <K extends string>(target: Readonly<Record<K, V>>, name: K) => void;
type NullableField<V> = <K extends string>(target: Readonly<Partial<Record<K, V | null>>>, name: K) => void;

interface Check {
  /** Name of the constraint in a violation. */
  readonly name: string;
  /** Completes the sentence "<field> must be …". */
  readonly words: string;
  /** Short form of `words`. Default: `words`. */
  readonly short?: string;
  readonly test: (value: unknown) => boolean;
  /** The same constraint for other languages. Where it accepts more, `SCHEMA_LIMITS` says so. */
  readonly schema: FieldSchema;
}

/** The white space of JavaScript's `\s`, which is less in some regular expressions. */
const WHITE_SPACE = '\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';

/** A string that matches the whole pattern. In some languages `$` also matches before a final line feed. */
const wholly = (pattern: string): Omit<FieldSchema, 'type'> & { readonly type: 'string' } => ({
  type: 'string',
  pattern: `^${pattern}$`,
  not: { type: 'string', pattern: '\n' },
});

const columnsByPrototype = new Map<object, EventColumn[]>();

/** The columns of a class in the order of its properties, inherited ones first. */
export function columnsOf(prototype: object): readonly EventColumn[] {
  const parent: unknown = Object.getPrototypeOf(prototype);
  const inherited = typeof parent === 'object' && parent !== null ? columnsOf(parent) : [];
  return [...inherited, ...(columnsByPrototype.get(prototype) ?? [])];
}

function field(
  type: BigQueryType,
  check: Check,
  description: string,
  example: string | number | boolean,
  options: FieldOptions,
): (target: object, name: string) => void {
  const presence = options.nullable ? IsOptional() : IsDefined({ message: '$property is required' });
  const constraint = ValidateBy({
    name: check.name,
    validator: { validate: check.test, defaultMessage: () => `$property must be ${check.words}` },
  });
  return (target, name) => {
    presence(target, name);
    constraint(target, name);
    const columns = columnsByPrototype.get(target) ?? [];
    columnsByPrototype.set(target, columns);
    columns.push({
      name,
      type,
      mode: options.nullable ? 'NULLABLE' : 'REQUIRED',
      description,
      personal: options.personal ?? false,
      constraint: check.words,
      expected: check.short ?? check.words,
      schema: check.schema,
      example: options.example ?? example,
    });
  };
}

const matching =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value);

// To search for a character that is not allowed takes half the time of matching all the allowed ones.
const NOT_HEX = /[^0-9a-f]/;
const NOT_VISIBLE = /[^!-~]/;

const SHA256: Check = {
  name: 'isSha256',
  words: '64 lower-case hex digits',
  test: (value) => typeof value === 'string' && value.length === 64 && !NOT_HEX.test(value),
  schema: { type: 'string', minLength: 64, maxLength: 64, not: { type: 'string', pattern: NOT_HEX.source } },
};

/** A SHA-256 as 64 lower-case hex digits: the ids of orders, vendors and customers. */
export function Sha256(description: string, options?: Required): RequiredField<string>;
export function Sha256(description: string, options: Nullable): NullableField<string>;
export function Sha256(description: string, options: FieldOptions = {}) {
  return field('STRING', SHA256, description, 'ab'.repeat(32), options);
}

const UUID_PATTERN = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const UUID: Check = {
  name: 'isUuid',
  words: 'a UUID in lower case',
  test: matching(new RegExp(`^${UUID_PATTERN}$`)),
  schema: { type: 'string', format: 'uuid', maxLength: 36, pattern: `^${UUID_PATTERN}` },
};

/** A UUID of any version. Only lower case, because keys and joins compare the text. */
export function Uuid(description: string, options?: Required): RequiredField<string>;
export function Uuid(description: string, options: Nullable): NullableField<string>;
export function Uuid(description: string, options: FieldOptions = {}) {
  return field('STRING', UUID, description, '6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a10', options);
}

const IDENTIFIER: Check = {
  name: 'isIdentifier',
  words: '1 to 128 visible ASCII characters',
  test: (value) => typeof value === 'string' && value.length > 0 && value.length <= 128 && !NOT_VISIBLE.test(value),
  schema: { type: 'string', minLength: 1, maxLength: 128, not: { type: 'string', pattern: NOT_VISIBLE.source } },
};

/** An id that another system assigns. It fits into a header, a Pub/Sub attribute and a log line. */
export function Identifier(description: string, options?: Required): RequiredField<string>;
export function Identifier(description: string, options: Nullable): NullableField<string>;
export function Identifier(description: string, options: FieldOptions = {}) {
  return field('STRING', IDENTIFIER, description, '0198c5a2-7d1e-7c3a-b6a1-1f0e5d9c4b21', options);
}

/** The days of `FIRST_YEAR` to `LAST_YEAR`: in these years only 2100 is divisible by 4 and no leap year. */
const YEAR = '(19[7-9][0-9]|2[01][0-9]{2})';
const LEAP_YEAR = '(19([79][26]|8[048])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))';
const DATE = [
  `${YEAR}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])`,
  `${YEAR}-(0[469]|11)-(0[1-9]|[12][0-9]|30)`,
  `${YEAR}-02-(0[1-9]|1[0-9]|2[0-8])`,
  `${LEAP_YEAR}-02-29`,
].join('|');
const TIME_OF_DAY = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?';

const TIMESTAMP: Check = {
  name: 'isTimestamp',
  words:
    `an RFC 3339 time in UTC with at most 6 decimals, in the years ${FIRST_YEAR} to ${LAST_YEAR}, ` +
    'such as 2026-01-02T03:04:05.678Z',
  short: 'a time such as 2026-01-02T03:04:05Z',
  test: (value) => typeof value === 'string' && !Number.isNaN(timestampMicros(value)),
  schema: { ...wholly(`(${DATE})T${TIME_OF_DAY}Z`), format: 'date-time' },
};

/** A time that `timestampMicros` can parse. */
export function Timestamp(description: string, options?: Required): RequiredField<string>;
export function Timestamp(description: string, options: Nullable): NullableField<string>;
export function Timestamp(description: string, options: FieldOptions = {}) {
  return field('TIMESTAMP', TIMESTAMP, description, '2026-01-02T03:04:05.678Z', options);
}

const MONEY_PATTERN = '(?:0|[1-9][0-9]{0,8})[.][0-9]{2}';
const MONEY: Check = {
  name: 'isDecimalString',
  words: 'a decimal string with exactly 2 decimals, from "0.00" to "999999999.99"',
  short: 'a string such as "129.90"',
  test: matching(new RegExp(`^${MONEY_PATTERN}$`)),
  schema: wholly(MONEY_PATTERN),
};

/** An amount of money: a decimal string in events, NUMERIC in BigQuery. */
export function Money(description: string, options?: Required): RequiredField<string>;
export function Money(description: string, options: Nullable): NullableField<string>;
export function Money(description: string, options: FieldOptions = {}) {
  return field('NUMERIC', MONEY, description, '129.90', options);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

const text = (maxLength: number): Check => ({
  name: 'isText',
  words: `a well-formed string of 1 to ${maxLength} UTF-16 code units, not only white space`,
  short: `a string of 1 to ${maxLength} code units`,
  test: (value) =>
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxLength &&
    !LONE_SURROGATE.test(value) &&
    /\S/.test(value),
  schema: { type: 'string', maxLength, pattern: `[^${WHITE_SPACE}]` },
});

interface TextOptions {
  readonly maxLength: number;
}

/** Free text. */
export function Text(description: string, options: Required & TextOptions): RequiredField<string>;
export function Text(description: string, options: Nullable & TextOptions): NullableField<string>;
export function Text(description: string, options: FieldOptions & TextOptions) {
  return field('STRING', text(options.maxLength), description, 'text', options);
}

/** One value of a closed list. A value may be added only if all readers tolerate new ones. */
export function OneOf<V extends string>(
  values: readonly [V, ...V[]],
  description: string,
  options?: Required,
): RequiredField<V>;
export function OneOf<V extends string>(
  values: readonly [V, ...V[]],
  description: string,
  options: Nullable,
): NullableField<V>;
export function OneOf(values: readonly [string, ...string[]], description: string, options: FieldOptions = {}) {
  const check: Check = {
    name: 'isOneOf',
    words: values.length === 1 ? `"${values[0]}"` : `one of ${values.map((value) => `"${value}"`).join(', ')}`,
    short: values.length === 1 ? `"${values[0]}"` : `one of ${values.length} values`,
    test: (value) => typeof value === 'string' && values.includes(value),
    schema: { type: 'string', enum: values },
  };
  return field('STRING', check, description, values[0], options);
}

interface RangeOptions {
  readonly min: number;
  readonly max: number;
}

/** An integer in a closed range. */
export function WholeNumber(description: string, options: Required & RangeOptions): RequiredField<number>;
export function WholeNumber(description: string, options: Nullable & RangeOptions): NullableField<number>;
export function WholeNumber(description: string, options: FieldOptions & RangeOptions) {
  const { min, max } = options;
  const check: Check = {
    name: 'isWholeNumber',
    words: `an integer from ${min} to ${max}`,
    test: (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
    schema: { type: 'integer', minimum: min, maximum: max },
  };
  return field('INT64', check, description, min, options);
}

const TRUTH: Check = {
  name: 'isBoolean',
  words: 'true or false',
  test: (value) => typeof value === 'boolean',
  schema: { type: 'boolean' },
};

export function Truth(description: string, options?: Required): RequiredField<boolean>;
export function Truth(description: string, options: Nullable): NullableField<boolean>;
export function Truth(description: string, options: FieldOptions = {}) {
  return field('BOOL', TRUTH, description, true, options);
}

const COUNTRY: Check = {
  name: 'isCountryCode',
  words: 'two upper-case letters (ISO 3166-1 alpha-2)',
  test: matching(/^[A-Z]{2}$/),
  schema: { type: 'string', maxLength: 2, pattern: '^[A-Z]{2}' },
};

export function Country(description: string, options?: Required): RequiredField<string>;
export function Country(description: string, options: Nullable): NullableField<string>;
export function Country(description: string, options: FieldOptions = {}) {
  return field('STRING', COUNTRY, description, 'DE', options);
}

const EMAIL: Check = {
  name: 'isEmailAddress',
  words: 'an e-mail address of at most 254 characters',
  short: 'an e-mail address',
  test: matching(/^(?=.{3,254}$)[^\s@]{1,64}@[^\s@]+$/),
  schema: { ...wholly(`[^@${WHITE_SPACE}]{1,64}@[^@${WHITE_SPACE}]+`), maxLength: 254 },
};

/** An e-mail address. Only the syntax is checked. */
export function Email(description: string, options?: Required): RequiredField<string>;
export function Email(description: string, options: Nullable): NullableField<string>;
export function Email(description: string, options: FieldOptions = {}) {
  return field('STRING', EMAIL, description, 'ada@example.com', { personal: true, ...options });
}

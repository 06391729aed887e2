import * as fc from 'fast-check';
import { goodBody } from './bodies';

type Json = Record<string, unknown>;

/** Values that are valid for some field, almost valid, or valid for none. */
export const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  1,
  5,
  6,
  1000,
  1001,
  -1,
  1.5,
  1e21,
  '',
  ' ',
  '\t\n',
  'NaN',
  'Infinity',
  'null',
  '1',
  '5',
  '1.0',
  '0.00',
  '00.00',
  '10.5',
  '10.505',
  '-10.50',
  '+1.00',
  '1,000.00',
  '1e3',
  '999999999.99',
  '1000000000.00',
  '10.50\n',
  'electronics',
  'Electronics',
  'Electronics ',
  'card',
  'desktop',
  'order.placed',
  'order.unheard_of',
  'de',
  'DE',
  'DEU',
  'a'.repeat(63),
  'a'.repeat(64),
  'A'.repeat(64),
  `${'a'.repeat(63)}g`,
  `${'a'.repeat(64)}\n`,
  'a'.repeat(65),
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(256),
  'x'.repeat(257),
  'x'.repeat(4001),
  ...[64, 128, 254, 256, 512, 4000].flatMap((length) => [
    'y'.repeat(length),
    'y'.repeat(length + 1),
    '👍'.repeat(length / 2),
    `👍${'y'.repeat(length - 1)}`,
    `a@${'b'.repeat(length - 2)}`,
    `a@${'b'.repeat(length - 1)}`,
    `${'a'.repeat(length)}@b`,
    `${'a'.repeat(length + 1)}@b`,
    `${'👍'.repeat(length / 2 + 1)}@b`,
  ]),
  '\u00a0\u2003\ufeff',
  '\u200b',
  'a b@c',
  'a@b\u00a0',
  'a@b\n',
  'a@',
  20,
  21,
  1_000_000,
  1_000_001,
  '6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a10',
  '6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a100',
  '6F1B0A52-3F4E-4A7B-9D55-0C2F1F6F2A10',
  '6f1b0a523f4e4a7b9d550c2f1f6f2a10',
  '{6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a10}',
  '\ud800',
  'Zo\ud83d\udc4d',
  'a@b',
  'a@b@c',
  '@b',
  '2026-01-02T03:04:05Z',
  '2026-01-02T03:04:05.678Z',
  '2026-01-02T03:04:05.678901Z',
  '2026-01-02T03:04:05.6789012Z',
  '2026-01-02T03:04:05.Z',
  '2026-01-02T03:04:05,678Z',
  '2026-01-02t03:04:05z',
  '2026-01-02 03:04:05Z',
  '2026-01-02T03:04:05',
  '2026-01-02T03:04:05+00:00',
  '2026-02-30T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2024-02-29T00:00:00Z',
  '2100-02-29T00:00:00Z',
  '2000-02-29T00:00:00Z',
  '2199-12-31T23:59:59.999999Z',
  '2199-04-31T00:00:00Z',
  '2026-01-32T00:00:00Z',
  '2026-01-02T03:04:05Z\n',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-02T24:00:00Z',
  '2026-01-02T23:60:00Z',
  '2026-06-30T23:59:60Z',
  '1969-12-31T23:59:59Z',
  '2200-01-01T00:00:00Z',
  '0000-00-00T00:00:00Z',
  'Fri, 02 Jan 2026 03:04:05 GMT',
  1_767_323_045_678,
  {},
  { length: 64 },
  [],
  ['a'.repeat(64)],
  [1],
];

const STRANGE_NAMES = ['extra', '', 'Order_id', 'order_id ', 'customer_name', 'order_rating', 'item_quantity', '0'];

/** Names of inherited members. As own fields, which JSON.parse creates, they are unknown fields. */
export const INHERITED_NAMES = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'valueOf',
  '__defineGetter__',
];

type Mutation = (body: Json, pick: (max: number) => number) => Json;

const set = (body: Json, name: string, value: unknown): Json => ({ ...body, [name]: value });

function fieldOf(body: Json, pick: (max: number) => number): string {
  const names = Object.keys(body);
  return names[pick(names.length)] ?? 'event_id';
}

function withOtherType(value: unknown): unknown {
  if (typeof value === 'number') return value.toString();
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'string' && !Number.isNaN(Number(value)) ? Number(value) : [value];
}

const MUTATIONS: readonly Mutation[] = [
  (body) => body,
  (body, pick) => {
    const name = fieldOf(body, pick);
    return Object.fromEntries(Object.entries(body).filter(([each]) => each !== name));
  },
  (body, pick) => set(body, fieldOf(body, pick), VALUES[pick(VALUES.length)]),
  (body, pick) => set(body, fieldOf(body, pick), VALUES[pick(VALUES.length)]),
  (body, pick) => {
    const name = fieldOf(body, pick);
    return set(body, name, withOtherType(body[name]));
  },
  (body, pick) => {
    const name = fieldOf(body, pick);
    const value = body[name];
    return set(body, name, typeof value === 'string' ? value.toUpperCase() : value);
  },
  (body, pick) => {
    const name = fieldOf(body, pick);
    const value = body[name];
    return set(body, name, typeof value === 'string' ? value.slice(0, -1) : value);
  },
  (body, pick) => {
    const name = fieldOf(body, pick);
    const value = body[name];
    return set(body, name, typeof value === 'string' ? `${value}\n` : value);
  },
  (body, pick) => set(body, fieldOf(body, pick), body[fieldOf(body, pick)]),
  (body, pick) => set(body, STRANGE_NAMES[pick(STRANGE_NAMES.length)] ?? 'extra', VALUES[pick(VALUES.length)]),
];

/** Adds a first member to the text of an object. Only a text can contain an own `__proto__`. */
export function withMember(text: string, name: string, value: unknown): string {
  return `{${JSON.stringify(name)}:${JSON.stringify(value)}${text === '{}' ? '' : ','}${text.slice(1)}`;
}

/** A body after up to three mutations of a valid one, parsed from JSON. */
export const mutatedBody: fc.Arbitrary<Json> = fc
  .tuple(
    goodBody,
    fc.array(
      fc.tuple(fc.integer({ min: 0, max: MUTATIONS.length - 1 }), fc.array(fc.nat(), { minLength: 3, maxLength: 3 })),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([body, steps]) =>
    steps.reduce<Json>(
      (current, [mutation, picks]) => {
        let next = 0;
        const pick = (max: number): number => (picks[next++ % picks.length] ?? 0) % Math.max(max, 1);
        return MUTATIONS[mutation]?.(current, pick) ?? current;
      },
      Object.fromEntries(Object.entries(body)),
    ),
  )
  .map((body) => JSON.parse(JSON.stringify(body)) as Json);

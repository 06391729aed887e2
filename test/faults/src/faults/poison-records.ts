import { CE, type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { type OutputRecord } from '@orderstream/kafka';
import { type Rng } from '@orderstream/random';

import {
  acceptableEvent,
  bytes,
  json,
  newShop,
  type Poison,
  type Shop,
  type ValidEvent,
  validEvent,
} from './poison-events';
import { HEADER_KINDS } from './poison-headers';

/** A record whose verdict is known. */
export interface PoisonRecord {
  readonly record: OutputRecord;
  readonly kind: string;
  /** Why the validator must reject it. Undefined: it must accept it. */
  readonly reason: string | undefined;
  /** See `Alteration`. */
  readonly renamed?: readonly [name: string, bytes: Buffer] | undefined;
}

const LARGE_BYTES = 1_500_000;
const NESTED_LEVELS = 20_000;

/** Every kind, with the code of the first rule that it breaks. */
const KINDS: readonly Poison[] = [
  {
    kind: 'garbage',
    reason: 'structure.malformed_json',
    alter: (_, rng) => ({ value: Buffer.concat([Buffer.of(0xff, 0xc0, 0x00), bytes(rng, rng.between(1, 2_000))]) }),
  },
  { kind: 'tombstone', reason: 'structure.malformed_json', alter: () => ({ value: null }) },
  { kind: 'empty body', reason: 'structure.malformed_json', alter: () => ({ value: Buffer.alloc(0) }) },
  { kind: 'not an object', reason: 'structure.malformed_json', alter: () => ({ value: json([1, null, 'x']) }) },
  {
    kind: 'truncated',
    reason: 'structure.malformed_json',
    alter: ({ body }) => ({ value: json(body).subarray(0, -7) }),
  },
  {
    kind: 'lone surrogate',
    reason: 'structure.malformed_json',
    alter: ({ body }) => ({ value: json({ ...body, note: '\ud83d' }) }),
  },
  {
    kind: 'control characters',
    reason: 'structure.malformed_json',
    alter: ({ body }) => ({
      value: Buffer.from(JSON.stringify({ ...body, note: '@' }).replace('@', '\u0000\u0007\u001b')),
    }),
  },
  {
    kind: 'deeply nested',
    reason: 'structure.invalid_field',
    alter: ({ body }) => ({
      value: Buffer.from(
        JSON.stringify({ ...body, note: 0 }).replace(
          '"note":0',
          `"note":${'{"a":['.repeat(NESTED_LEVELS)}0${']}'.repeat(NESTED_LEVELS)}`,
        ),
      ),
    }),
  },
  {
    kind: 'unknown type',
    reason: 'structure.unknown_type',
    alter: ({ body, headers }) => ({
      value: json({ ...body, event_type: 'constructor' }),
      headers: { ...headers, [CE.type]: 'constructor' },
    }),
  },
  {
    kind: 'too large',
    reason: 'structure.too_large',
    alter: ({ body }) => ({ value: json({ ...body, note: 'x'.repeat(LARGE_BYTES) }) }),
  },
  { kind: 'no key', reason: 'structure.key_mismatch', alter: ({ body }) => ({ key: null, value: json(body) }) },
  {
    kind: 'wrong partition',
    reason: 'structure.key_mismatch',
    alter: ({ body, partition }, rng) => ({
      partition: (partition + rng.between(1, PARTITIONS - 1)) % PARTITIONS,
      value: json(body),
    }),
  },
  {
    kind: 'repeated header',
    reason: 'structure.envelope_mismatch',
    alter: ({ body, headers }) => ({
      value: json(body),
      headers: { ...headers, [CE.id]: [String(body.event_id), String(body.event_id)] },
    }),
  },
  {
    kind: 'malformed headers',
    reason: 'structure.envelope_mismatch',
    alter: ({ body, headers }, rng) => ({
      value: json(body),
      headers: {
        ...headers,
        [CE.source]: '',
        ['__proto__']: 'polluted',
        'simulation-id': '-1e309',
        'quality-flags': bytes(rng, 40),
        ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${String(index)}`, bytes(rng, 8)])),
      },
    }),
  },
  {
    kind: 'forged dead-letter headers',
    reason: 'structure.malformed_json',
    alter: ({ headers }) => ({
      value: Buffer.from('{'),
      headers: {
        ...headers,
        'dlq-reason': 'time.in_future',
        'dlq-app': 'bq-sink',
        'dlq-source-topic': 'nowhere',
        'dlq-source-partition': '99',
        'dlq-source-offset': '-1',
        'dlq-attempt': 'many',
      },
    }),
  },
  ...HEADER_KINDS,
];

/**
 * The events of a shop, and one record of each kind for the raw topic of a family, in random order. Each call of one makes
 * another event of the same kind.
 */
export function poisonFor(family: Family, rng: Rng): readonly (() => PoisonRecord)[] {
  const shop = newShop(rng);
  const announced = family === 'orders' ? shop.events : [];
  return [
    ...announced.map((event) => () => ({
      kind: 'announcement',
      reason: undefined,
      record: recordOf('catalog', event),
    })),
    ...rng.shuffled(KINDS).map((poison) => () => altered(family, poison, rng, shop)),
  ];
}

function altered(family: Family, { kind, reason, alter }: Poison, rng: Rng, shop: Shop): PoisonRecord {
  const valid = reason === undefined ? acceptableEvent(family, rng, shop) : validEvent(family, rng);
  const { renamed, ...alteration } = alter(valid, rng);
  return { kind, reason, renamed, record: recordOf(family, { ...valid, ...alteration }) };
}

export function recordOf(
  family: Family,
  {
    key,
    partition,
    body,
    value = json(body),
    headers,
  }: Omit<ValidEvent, 'key'> & { readonly key: Buffer | null; readonly value?: Buffer | null },
): OutputRecord {
  return { topic: rawTopic(family), partition, key, value, headers };
}

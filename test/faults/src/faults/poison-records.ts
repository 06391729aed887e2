import { CE, envelopeHeaders, EVENT_CONTRACTS, type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { type OutputRecord, partitionFor, type RecordHeaders } from '@orderstream/kafka';

import { type Rng } from '@orderstream/random';

/** A record that the validator must reject, and for which reason. */
export interface PoisonRecord {
  readonly record: OutputRecord;
  readonly kind: string;
  readonly reason: string;
}

/** An event that meets its contract. Each poison record is an altered one. */
interface ValidEvent {
  readonly key: Buffer;
  readonly partition: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: RecordHeaders;
}

/** What replaces the key, partition, value and headers of a valid event. Undefined: unchanged. */
interface Alteration {
  readonly key?: Buffer | null;
  readonly partition?: number;
  readonly value: Buffer | null;
  readonly headers?: RecordHeaders;
}

interface Poison {
  readonly kind: string;
  readonly reason: string;
  readonly alter: (valid: ValidEvent, rng: Rng) => Alteration;
}

const LARGE_BYTES = 1_500_000;
const NESTED_LEVELS = 20_000;

const json = (body: object): Buffer => Buffer.from(JSON.stringify(body));
const bytes = (rng: Rng, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => rng.between(0, 255)));

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
        'ledger-seq': '-1e309',
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
];

/** One record of each kind for the raw topic of a family, in random order. */
export function poisonFor(family: Family, rng: Rng): readonly PoisonRecord[] {
  return rng.shuffled(KINDS).map(({ kind, reason, alter }) => {
    const valid = validEvent(family, rng);
    const { key = valid.key, partition = valid.partition, value, headers = valid.headers } = alter(valid, rng);
    return { kind, reason, record: { topic: rawTopic(family), partition, key, value, headers } };
  });
}

function validEvent(family: Family, rng: Rng): ValidEvent {
  const contract = rng.pick([...EVENT_CONTRACTS.values()].filter((each) => each.family === family));
  const id = `poison-${bytes(rng, 12).toString('hex')}`;
  const time = new Date().toISOString();
  const body: Record<string, unknown> = {
    ...Object.fromEntries(contract.columns.map(({ name, example }) => [name, example])),
    event_id: id,
    event_type: contract.type,
    occurred_at: time,
  };
  const key = Buffer.from(String(body[contract.keyField]));
  const headers = envelopeHeaders({ id, type: contract.type, source: '/poison', time });
  return { key, partition: partitionFor(key), body, headers };
}

import { CE, envelopeHeaders, EVENT_CONTRACTS, type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { type OutputRecord, partitionFor, type RecordHeaders } from '@orderstream/kafka';

import { type Rng } from '@orderstream/random';

/** A record that no producer of ours would send, and why it has to be rejected. */
export interface PoisonRecord {
  readonly record: OutputRecord;
  readonly kind: string;
  readonly reason: string;
}

/** An event that meets its contract, as the bad ones begin. */
interface Sound {
  readonly key: Buffer;
  readonly partition: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: RecordHeaders;
}

interface Spoiled {
  readonly key?: Buffer | null;
  readonly partition?: number;
  readonly value: Buffer | null;
  readonly headers?: RecordHeaders;
}

interface Poison {
  readonly kind: string;
  readonly reason: string;
  readonly spoil: (sound: Sound, rng: Rng) => Spoiled;
}

const LARGE_BYTES = 1_500_000;
const NESTED_LEVELS = 20_000;

const json = (body: object): Buffer => Buffer.from(JSON.stringify(body));
const bytes = (rng: Rng, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => rng.between(0, 255)));

/** Kinds of poison; the reason is what the first rule of the specification says that it breaks. */
const POISONS: readonly Poison[] = [
  {
    kind: 'garbage',
    reason: 'structure.malformed_json',
    spoil: (_, rng) => ({ value: Buffer.concat([Buffer.of(0xff, 0xc0, 0x00), bytes(rng, rng.between(1, 2_000))]) }),
  },
  { kind: 'tombstone', reason: 'structure.malformed_json', spoil: () => ({ value: null }) },
  { kind: 'no bytes', reason: 'structure.malformed_json', spoil: () => ({ value: Buffer.alloc(0) }) },
  { kind: 'no object', reason: 'structure.malformed_json', spoil: () => ({ value: json([1, null, 'x']) }) },
  {
    kind: 'cut off',
    reason: 'structure.malformed_json',
    spoil: ({ body }) => ({ value: json(body).subarray(0, -7) }),
  },
  {
    kind: 'lone surrogate',
    reason: 'structure.malformed_json',
    spoil: ({ body }) => ({ value: json({ ...body, note: '\ud83d' }) }),
  },
  {
    kind: 'control characters',
    reason: 'structure.malformed_json',
    spoil: ({ body }) => ({
      value: Buffer.from(JSON.stringify({ ...body, note: '@' }).replace('@', '\u0000\u0007\u001b')),
    }),
  },
  {
    kind: 'deeply nested',
    reason: 'structure.invalid_field',
    spoil: ({ body }) => ({
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
    spoil: ({ body, headers }) => ({
      value: json({ ...body, event_type: 'constructor' }),
      headers: { ...headers, [CE.type]: 'constructor' },
    }),
  },
  {
    kind: 'too large',
    reason: 'structure.too_large',
    spoil: ({ body }) => ({ value: json({ ...body, note: 'x'.repeat(LARGE_BYTES) }) }),
  },
  { kind: 'no key', reason: 'structure.key_mismatch', spoil: ({ body }) => ({ key: null, value: json(body) }) },
  {
    kind: 'wrong partition',
    reason: 'structure.key_mismatch',
    spoil: ({ body, partition }, rng) => ({
      partition: (partition + rng.between(1, PARTITIONS - 1)) % PARTITIONS,
      value: json(body),
    }),
  },
  {
    kind: 'repeated header',
    reason: 'structure.envelope_mismatch',
    spoil: ({ body, headers }) => ({
      value: json(body),
      headers: { ...headers, [CE.id]: [String(body.event_id), String(body.event_id)] },
    }),
  },
  {
    kind: 'odd headers',
    reason: 'structure.envelope_mismatch',
    spoil: ({ body, headers }, rng) => ({
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
    kind: 'dead letter of another',
    reason: 'structure.malformed_json',
    spoil: ({ headers }) => ({
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

/** One record of each kind for a topic, in some order. */
export function poisonFor(family: Family, rng: Rng): readonly PoisonRecord[] {
  return rng.shuffled(POISONS).map(({ kind, reason, spoil }) => {
    const sound = soundEvent(family, rng);
    const { key = sound.key, partition = sound.partition, value, headers = sound.headers } = spoil(sound, rng);
    return { kind, reason, record: { topic: rawTopic(family), partition, key, value, headers } };
  });
}

function soundEvent(family: Family, rng: Rng): Sound {
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

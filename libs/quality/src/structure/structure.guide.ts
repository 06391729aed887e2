import { MAX_HEADERS_BYTES } from '@orderstream/contracts';
import { example, type RuleGuide } from '../guide/rule-guide';

const FIX_PRODUCER =
  'Find the producer by `ce_source` in the dead letter, and let it validate its records before it sends them, by the ' +
  '[JSON Schema](contracts/README.md) of the event.';
const ALWAYS = 'Always: the verdict depends on the record alone.';
const NOT_AS_IT_IS = 'Does not help: the same bytes have the same verdict. The producer sends a corrected event.';

const search = (terms: string) =>
  example('search.performed', { search_terms: '…' }, { write: (json) => json.replace('"…"', `"${terms}"`) });

export const STRUCTURE_GUIDES = {
  'structure.malformed_json': {
    examples: {
      fires: {
        what: 'A producer cut a search term in the middle of an emoji: half a surrogate pair is left',
        records: [search('lamp \\ud83d')],
      },
      nearMiss: {
        what: 'The whole pair is one character, also when it is written in escapes',
        records: [search('lamp \\ud83d\\udca1')],
      },
    },
    whatToDo: `${FIX_PRODUCER} Texts are cut by characters, not by bytes or UTF-16 code units, and objects have each name once.`,
    replay: NOT_AS_IT_IS,
    certain: ALWAYS,
  },
  'structure.unknown_type': {
    examples: {
      fires: {
        what: 'A session that ended, which no contract describes',
        records: [
          example('session.started', { event_type: 'session.ended' }, { headers: { ce_type: 'session.ended' } }),
        ],
      },
      nearMiss: {
        what: 'A type of the family',
        records: [example('session.started', { event_type: 'session.started' })],
      },
    },
    whatToDo:
      'See whether the producer sends to the topic of another family, or is ahead of the validator: a new event type is ' +
      'deployed to tables, sink, bridge and validator before its producers.',
    replay: 'Helps once the validator knows the type.',
    certain: ALWAYS,
  },
  'structure.invalid_field': {
    examples: {
      fires: {
        what: 'One piece more than an order can have',
        records: [example('order.placed', { item_quantity: 1001 })],
      },
      nearMiss: {
        what: 'The most that an order can have',
        records: [example('order.placed', { item_quantity: 1000 })],
      },
    },
    whatToDo: `The detail names each field, the constraint and what was found. ${FIX_PRODUCER}`,
    replay: NOT_AS_IT_IS,
    certain: ALWAYS,
  },
  'structure.too_large': {
    examples: {
      fires: {
        what: 'Headers of one byte more than every path can carry',
        records: [example('session.started', {}, { headerBytes: MAX_HEADERS_BYTES + 1 })],
      },
      nearMiss: {
        what: 'Headers of exactly 64 KiB, where each counts its name, its value and 16 bytes',
        records: [example('session.started', {}, { headerBytes: MAX_HEADERS_BYTES })],
      },
    },
    whatToDo: 'Let the producer shorten its headers, or whatever fills the value: a body is a row, not a document.',
    replay: `${NOT_AS_IT_IS} A letter with the header \`dlq-cut\` does not hold the whole record.`,
    certain: ALWAYS,
  },
  'structure.key_mismatch': {
    examples: {
      fires: {
        what: 'A product event with the key of its vendor',
        records: [
          example('product.listed', {}, { key: '3f66d49e82526dc0396869e84e34c4dee55a9dab8e67ec4b4254d5d2590a5362' }),
        ],
      },
      nearMiss: {
        what: 'The key is the item, which the contract names as its key field',
        records: [example('product.listed', {}, { key: 'c1f5d0de-2a3b-4b0f-9a53-6f1a2b7c8d90' })],
      },
    },
    whatToDo:
      'Take the key from the key field. If the detail says `isInItsPartition`, the producer partitions by another function ' +
      'than murmur2: librdkafka needs `partitioner=murmur2_random`.',
    replay:
      'Helps for `isInItsPartition` if the record is sent by a client that partitions by murmur2. A wrong key stays wrong.',
    certain: ALWAYS,
  },
  'structure.envelope_mismatch': {
    examples: {
      fires: {
        what: 'A library wrote the type as JSON, with its quotes',
        records: [example('session.started', {}, { headers: { ce_type: '"session.started"' } })],
      },
      nearMiss: {
        what: 'Another notation of the same time in `ce_time`',
        records: [
          example(
            'session.started',
            { occurred_at: '2026-01-02T11:59:59.000Z' },
            { headers: { ce_time: '2026-01-02T11:59:59Z' } },
          ),
        ],
      },
    },
    whatToDo: 'The detail names each header, what was expected and what was found. Send the values as plain text.',
    replay: NOT_AS_IT_IS,
    certain: ALWAYS,
  },
} as const satisfies Record<string, RuleGuide>;

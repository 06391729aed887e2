import { rawTopic } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, type KafkaRecord } from '@orderstream/kafka';
import { Catalog, PartitionState, qualitySettings } from '@orderstream/quality';
import { type Admin } from 'kafkajs';
import { letterOf, paid, PARTITION, placed } from '../../test/order-events';
import { MemoryLog } from '../../test/replay-memory';
import { ChosenLetters } from './chosen-letters';
import { DryRunPartition } from './dry-run';
import { evaluateForeign } from './evaluate-foreign';
import { type JsonPatch } from './edit';
import { type Evaluation } from './preview-evaluation';
import { SourceCount } from './source-topics';

const LETTERS = 'connect.dlq';
const RAW = rawTopic('orders');
const NOW = new Date('2026-01-02T04:00:00.000Z');
const { signal } = new AbortController();

/** A letter of Kafka Connect with this record. */
function foreign(offset: number, topic: string, record: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): KafkaRecord {
  const fields: HeaderField[] = [
    ...headerFields(record.headers).filter(([name]) => !name.startsWith('dlq-')),
    ['__connect.errors.topic', Buffer.from(topic)],
    ['__connect.errors.partition', Buffer.from(topic === RAW ? String(PARTITION) : '1')],
    ['__connect.errors.offset', Buffer.from(String(offset))],
  ];
  return { ...record, topic: LETTERS, partition: 0, offset, timestamp: 0, headers: headersOf(fields) };
}
const invoice = { key: Buffer.from('k'), value: Buffer.from('{"a":1}'), headers: {} };

async function evaluate(
  letters: readonly KafkaRecord[],
  { edit, isUnread = false }: { readonly edit?: JsonPatch; readonly isUnread?: boolean } = {},
): Promise<Evaluation & { readonly opened: readonly string[] }> {
  const opened: string[] = [];
  const count = new SourceCount();
  const chosen = new ChosenLetters();
  for (const { offset, headers } of letters) {
    chosen.add(offset);
    count.add(String(headers['__connect.errors.topic']));
  }
  const options = { includeDuplicates: false, followers: true, ratePerSecond: 1, canary: 0, stopAboveShare: 1 };
  const created = { kind: 'created', plan: 'p', at: '', actor: 'ann', idempotencyKey: 'k', topic: LETTERS } as const;
  const admin = {
    fetchOffsets: () => Promise.resolve([]),
    fetchTopicOffsets: (topic: string) => Promise.resolve([{ partition: 0, offset: String(topic.length) }]),
  };
  const evaluation = await evaluateForeign(
    count,
    {
      refresh: () => Promise.resolve(),
      find: (name) => (name === 'gone' ? { problem: 'gone does not exist' } : { partitions: 6, maxMessageBytes: 1e6 }),
    },
    {
      topic: LETTERS,
      created: { ...created, filter: {}, options, ...(edit === undefined ? {} : { edit }) },
      io: [new MemoryLog(letters, 'replays').io()],
      chosen: [chosen],
      source: {
        partition: (family, partition) => {
          opened.push(`${family}/${String(partition)}`);
          const state = new PartitionState();
          const dryRun = new DryRunPartition(family, qualitySettings(), state, new Catalog(), NOW.getTime());
          return Promise.resolve(isUnread ? undefined : dryRun);
        },
      },
      clock: () => NOW,
      admin: admin as unknown as Admin,
      existing: new Set([`${RAW}.dlq.validator`]),
    },
    signal,
  );
  return { ...evaluation, opened };
}

describe('the preview of letters of other programs', () => {
  it('evaluates only what returns to a raw topic, with the state of its partition, and says where all return', async () => {
    const letters = [
      foreign(0, 'invoices', invoice),
      foreign(1, RAW, letterOf(placed('1'), 'x', 1)),
      foreign(2, 'gone', invoice),
      foreign(3, RAW, letterOf(paid('1'), 'x', 3)),
      foreign(4, 'invoices', invoice),
    ];
    const found = await evaluate(letters);
    // The catalog is empty: the order fails by its vendor, and then the payment by its order.
    expect(found.dryRun).toEqual({
      passes: 0,
      undecided: 2,
      fails: [
        { code: 'replay.source_topic', count: 1 },
        { code: 'reference.unknown_vendor', count: 1 },
        { code: 'lifecycle.unknown_order', count: 1 },
      ],
    });
    expect(found.opened).toEqual([`orders/${String(PARTITION)}`]);
    expect(found.sources).toEqual([
      { topic: 'invoices', letters: 2 },
      { topic: RAW, letters: 2 },
      { topic: 'gone', letters: 1, problem: 'gone does not exist' },
    ]);
    expect(found.samples).toEqual([0, 1, 2, 3, 4].map((offset) => `${LETTERS}/0/${String(offset)}`));
    // What the validator rejects again is counted from here on.
    expect(found.rejectedFrom).toEqual({ [`${RAW}.dlq.validator`]: [`${RAW}.dlq.validator`.length] });
    expect(found.warnings).toContainEqual(expect.stringMatching(/^1 letters name no source topic, or one/));
    expect(found.warnings).toContainEqual(expect.stringContaining(`Every consumer of invoices, ${RAW} reads`));
    expect(found.warnings.join()).not.toContain('edit');
  });

  it('leaves letters undecided where the state of the validator cannot be read, and warns of an unchecked edit', async () => {
    const letters = [foreign(0, RAW, letterOf(placed('1'), 'x', 0)), foreign(1, 'invoices', invoice)];
    const found = await evaluate(letters, { isUnread: true, edit: [{ op: 'add', path: '/item_quantity', value: 3 }] });
    expect(found.dryRun).toEqual({ passes: 0, fails: [], undecided: 2 });
    expect(found.warnings).toContainEqual(expect.stringMatching(/^1 partitions have no state/));
    expect(found.warnings).toContainEqual(expect.stringContaining('No contract checks the edit'));
  });
});

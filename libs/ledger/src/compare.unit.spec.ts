import { createHash } from 'node:crypto';
import { type ExpectedOutcome, type LedgerIntent } from '@orderstream/contracts';
import fc from 'fast-check';
import { type Accounts, isAccountedFor } from './accounts';
import { Comparison, type ComparisonOptions } from './compare';
import { type PartitionEvidence } from './evidence';
import { PlantedRecords } from './planted-records';
import { RunLedger } from './run-ledger';

const TOPIC = 'marketplace.orders.raw.v1';
const PARTITION = 3;
const FIRST_SEQ = 1_000;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
type World = Mutable<Omit<PartitionEvidence, 'streaming'>> & {
  streaming: { deliveries: Map<number, number>; rejected: number[] };
};

/** The evidence of a pipeline that did everything right, for records with these verdicts, and the ledger of them. */
function rightWorld(outcomes: readonly (ExpectedOutcome | 'foreign')[]): { world: World; ledger: RunLedger } {
  const ledger = new RunLedger();
  const intents: LedgerIntent[] = [];
  const world: World = {
    family: 'orders',
    rawTopic: TOPIC,
    partition: PARTITION,
    raw: [],
    validated: [],
    deadLetters: [],
    table: 'order_events',
    settled: 0,
    rows: [],
    rejectedBySink: [],
    streaming: { deliveries: new Map(), rejected: [] },
  };
  outcomes.forEach((outcome, at) => {
    const body = sha256(`body ${String(at)}`);
    const eventId = `event-${String(at)}`;
    const seq = outcome === 'foreign' ? undefined : FIRST_SEQ + intents.length;
    // Two records in a millisecond, and gaps in the offsets as transactions leave them.
    const raw = {
      offset: 50 + at,
      timestamp: 9_000 + Math.floor(at / 2),
      sha256: body,
      seq,
      identity: `shop ${eventId}`,
    };
    world.raw.push(raw);
    if (seq !== undefined && outcome !== 'foreign') {
      intents.push({ seq, topic: TOPIC, partition: PARTITION, sha256: body, defect: null, expected: outcome });
    }
    if (outcome.startsWith('reject:')) {
      world.deadLetters.push({ sourceOffset: raw.offset, reason: outcome.slice('reject:'.length), sha256: body });
    } else if (outcome !== 'skip') {
      const offset = 700 + 2 * at;
      const repaired = outcome === 'repair';
      const bytes = repaired ? sha256(`repaired ${String(at)}`) : body;
      world.validated.push({ ...raw, offset, sha256: bytes, eventId, flags: repaired ? ['drift.vendor'] : [] });
      world.rows.push({ offset, eventId });
      world.streaming.deliveries.set(offset, 1);
    }
  });
  ledger.add({ kind: 'run', run: 'r', startedAt: '2026-01-02T03:04:05.678Z', firstSeq: FIRST_SEQ, seed: 1 });
  ledger.add({ kind: 'intents', run: 'r', batch: 0, intents });
  const acks = [{ topic: TOPIC, partition: PARTITION, baseOffset: 50, count: intents.length }];
  ledger.add({ kind: 'acks', run: 'r', batch: 0, acks });
  return { world, ledger };
}

function compare({ world, ledger }: { world: World; ledger: RunLedger }, options?: ComparisonOptions): Accounts {
  const comparison = new Comparison(ledger, options);
  comparison.add(world);
  return comparison.finish();
}

const outcome = fc.constantFrom<ExpectedOutcome | 'foreign'>(
  'accept',
  'repair',
  'skip',
  'reject:time.in_future',
  'reject:structure.malformed_json',
  'foreign',
);
const amount = (accounts: Accounts, kind: string): number => accounts[kind as 'missing'];

describe('Comparison', () => {
  it('finds nothing wrong where nothing is wrong, and counts every record once', () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        const of = (wanted: string): number => outcomes.filter((each) => each.startsWith(wanted)).length;
        const accounts = compare(rightWorld(outcomes));
        expect(accounts).toMatchObject({
          generated: outcomes.length - of('foreign'),
          accepted: of('accept'),
          repaired: of('repair'),
          skipped: of('skip'),
          deadLettered: of('reject:'),
          foreign: of('foreign'),
          foreignVerdicts: { accepted: of('foreign') },
          missing: 0,
          duplicated: 0,
          unexplained: 0,
          outOfOrder: 0,
          wrongVerdicts: 0,
          tables: {
            order_events: of('accept') + of('repair'),
            streaming_orders: of('accept') + of('repair'),
          },
        });
        expect(isAccountedFor(accounts)).toBe(true);
      }),
    );
  });

  /** Each breaks one thing, in the world of one accepted, repaired, skipped and rejected record each. */
  const breaks: readonly (readonly [string, Partial<Record<keyof Accounts, number>>, (world: World) => void])[] = [
    [
      'a record that was acknowledged and is not in the log',
      { missing: 1 },
      (world) => {
        world.raw.splice(2, 1); // the one that is to be skipped: no output of it is left over
      },
    ],
    [
      'a record that is twice in the log',
      { duplicated: 1 },
      (world) => {
        world.raw.push({ ...(world.raw[2] as World['raw'][number]), offset: 99, timestamp: 99_000 });
      },
    ],
    [
      'a record that no verdict was given for',
      { missing: 1, unexplained: 0 },
      (world) => {
        world.validated.shift();
        world.rows.shift();
        world.streaming.deliveries.delete(700);
      },
    ],
    [
      'a validated record that is there twice',
      { duplicated: 1, missing: 2 },
      (world) => {
        world.validated.push({ ...(world.validated[0] as World['validated'][number]), offset: 900 });
      },
    ],
    [
      'a record that was both validated and dead-lettered',
      { duplicated: 1, wrongVerdicts: 1 },
      (world) => {
        world.deadLetters.push({ sourceOffset: 50, reason: 'time.in_future', sha256: world.raw[0]?.sha256 ?? '' });
      },
    ],
    [
      'another reason than the ledger foresaw',
      { wrongVerdicts: 1 },
      (world) => {
        world.deadLetters = world.deadLetters.map((letter) => ({ ...letter, reason: 'time.too_late' }));
      },
    ],
    [
      'a record that should have been repaired and was let through',
      { wrongVerdicts: 1 },
      (world) => {
        world.validated[1] = {
          ...(world.validated[1] as World['validated'][number]),
          sha256: world.raw[1]?.sha256 ?? '',
        };
      },
    ],
    [
      'a record that was rewritten without a flag',
      { wrongVerdicts: 1 },
      (world) => {
        world.validated[1] = { ...(world.validated[1] as World['validated'][number]), flags: [] };
      },
    ],
    [
      'a dead letter with other bytes',
      { unexplained: 1 },
      (world) => {
        world.deadLetters = world.deadLetters.map((letter) => ({ ...letter, sha256: sha256('other') }));
      },
    ],
    [
      'a dead letter of no record',
      { unexplained: 1 },
      (world) => {
        world.deadLetters.push({ sourceOffset: 4_711, reason: 'time.in_future', sha256: sha256('x') });
      },
    ],
    [
      'records that overtook each other',
      { outOfOrder: 1 },
      (world) => {
        world.validated.reverse();
      },
    ],
    [
      'a row that is not there',
      { missing: 1 },
      (world) => {
        world.rows.pop();
      },
    ],
    [
      'a row that is there twice',
      { duplicated: 1 },
      (world) => {
        world.rows.push({ ...(world.rows[0] as World['rows'][number]) });
      },
    ],
    [
      'a row of another event at the coordinates',
      { unexplained: 1 },
      (world) => {
        world.rows[0] = { ...(world.rows[0] as World['rows'][number]), eventId: 'event-9' };
      },
    ],
    [
      'a row of no record',
      { unexplained: 1 },
      (world) => {
        world.rows.push({ offset: 999, eventId: 'event-9' });
      },
    ],
    [
      'an order that was not delivered',
      { missing: 1 },
      (world) => {
        world.streaming.deliveries.delete(700);
      },
    ],
    [
      'a row of the sink where it says that it rejected the record',
      { rejected: 1, missing: 1 },
      (world) => {
        world.rejectedBySink.push(700);
        world.rows.shift();
      },
    ],
  ];

  it.each(breaks)('reports %s', (_name, expected, damage) => {
    const right = rightWorld(['accept', 'repair', 'skip', 'reject:time.in_future']);
    damage(right.world);
    const accounts = compare(right);
    const found = Object.fromEntries(Object.keys(expected).map((kind) => [kind, amount(accounts, kind)]));
    expect(found).toEqual(expected);
    expect(isAccountedFor(accounts)).toBe(false);
    expect(accounts.examples.length).toBeGreaterThan(0);
  });

  it('allows a subscription to deliver more than once, and counts it', () => {
    const right = rightWorld(['accept', 'accept']);
    right.world.streaming.deliveries.set(700, 3);
    const accounts = compare(right);
    expect(accounts).toMatchObject({ redelivered: 2, duplicated: 0, tables: { streaming_orders: 2 } });
    expect(isAccountedFor(accounts)).toBe(true);
  });

  it('takes a record that borrows a number of the ledger for foreign', () => {
    const right = rightWorld(['accept']);
    const own = right.world.raw[0] as World['raw'][number];
    right.world.raw.push({ ...own, offset: 51, timestamp: 9_100, sha256: sha256('borrowed'), identity: 'other x' });
    right.world.deadLetters.push({ sourceOffset: 51, reason: 'structure.malformed_json', sha256: sha256('borrowed') });
    const accounts = compare(right);
    expect(accounts).toMatchObject({ foreign: 1, foreignVerdicts: { deadLettered: 1 }, duplicated: 0, generated: 1 });
    expect(isAccountedFor(accounts)).toBe(true);
  });

  describe('with the whole ledger', () => {
    const isWholeLedger = true;
    const own = { offset: 50, timestamp: 9_000, sha256: sha256('body 0'), seq: FIRST_SEQ, identity: 'shop event-0' };
    const stray = { ...own, offset: 60, timestamp: 9_100, identity: 'shop stray' };

    it.each([
      ['a number that it does not have', { ...stray, seq: 4_711 }],
      ['other bytes than it has for the number', { ...stray, sha256: sha256('other') }],
    ])('does not explain a record with %s', (_name, raw) => {
      const right = rightWorld(['accept']);
      right.world.raw.push(raw);
      right.world.deadLetters.push({ sourceOffset: 60, reason: 'structure.malformed_json', sha256: raw.sha256 });
      expect(compare(right)).toMatchObject({ foreign: 1, unexplained: 0 });
      const accounts = compare(right, { isWholeLedger });
      expect(accounts).toMatchObject({ foreign: 1, unexplained: 1 });
      expect(accounts.examples).toEqual([expect.stringContaining(`${TOPIC}/3@60 says that it is ledger-seq`)]);
      expect(isAccountedFor(accounts)).toBe(false);
    });

    it.each([
      ['topic', { rawTopic: 'marketplace.catalog.raw.v1' }],
      ['partition', { partition: PARTITION + 1 }],
    ])('does not explain a record of it in another %s', (_name, elsewhere) => {
      const { world, ledger } = rightWorld(['skip']);
      expect(compare({ world, ledger }, { isWholeLedger })).toMatchObject({ unexplained: 0, missing: 0 });
      const accounts = compare({ world: { ...world, ...elsewhere }, ledger }, { isWholeLedger });
      expect(accounts).toMatchObject({ unexplained: 1, missing: 1 });
    });

    it('lets others be that have no number, and what was planted', () => {
      const right = rightWorld(['accept', 'foreign']);
      right.world.raw.push({ ...stray, seq: 4_711 });
      const reason = 'structure.malformed_json';
      right.world.deadLetters.push({ sourceOffset: 60, reason, sha256: stray.sha256 });
      const planted = new PlantedRecords([{ topic: TOPIC, partition: PARTITION, offset: 60, kind: 'odd', reason }]);
      const accounts = compare(right, { isWholeLedger, planted });
      expect(accounts).toMatchObject({ foreign: 2, planted: 1, unexplained: 0 });
      expect(isAccountedFor(accounts)).toBe(true);
    });
  });

  it('tells rows that the sink has passed over from rows that may still come', () => {
    const right = rightWorld(['accept', 'accept', 'accept']);
    right.world.rows.length = 1;
    expect(compare(right)).toMatchObject({ missing: 2, missingBelowCommit: 0 });
    right.world.settled = 703;
    expect(compare(right)).toMatchObject({ missing: 2, missingBelowCommit: 1 });
  });

  describe('of a planted record', () => {
    const REASON = 'structure.malformed_json';
    const planted = new PlantedRecords([
      { topic: TOPIC, partition: PARTITION, offset: 60, kind: 'garbage', reason: REASON },
    ]);
    const raw = { offset: 60, timestamp: 9_100, sha256: sha256('garbage'), seq: undefined, identity: '' };
    const letter = { sourceOffset: 60, reason: REASON, sha256: raw.sha256 };

    it.each([
      ['is content with one dead letter for its reason', [raw], [letter], {}],
      ['misses its dead letter', [raw], [], { missing: 1 }],
      ['misses the record', [], [], { missing: 1 }],
      ['finds a second dead letter', [raw], [letter, letter], { duplicated: 1 }],
      ['finds another reason', [raw], [{ ...letter, reason: 'time.in_future' }], { wrongVerdicts: 1 }],
      ['finds other bytes', [raw], [{ ...letter, sha256: sha256('other') }], { unexplained: 1 }],
    ])('%s', (_name, records, letters, expected) => {
      const right = rightWorld(['accept']);
      right.world.raw.push(...records);
      right.world.deadLetters.push(...letters);
      const accounts = compare(right, { planted });
      const nothing = { missing: 0, duplicated: 0, unexplained: 0, outOfOrder: 0, wrongVerdicts: 0 };
      expect(accounts).toMatchObject({ ...nothing, ...expected, planted: records.length, foreign: records.length });
      expect(isAccountedFor(accounts)).toBe(Object.keys(expected).length === 0);
    });

    it('finds it validated', () => {
      const right = rightWorld(['accept']);
      right.world.raw.push(raw);
      right.world.validated.push({ ...raw, offset: 800, eventId: 'x', flags: [] });
      right.world.rows.push({ offset: 800, eventId: 'x' });
      right.world.streaming.deliveries.set(800, 1);
      expect(compare(right, { planted })).toMatchObject({ wrongVerdicts: 1, missing: 1 });
    });

    it('does not ask for one that was planted before', () => {
      expect(compare(rightWorld(['accept']), { planted: planted.since(() => 61) })).toMatchObject({
        missing: 0,
        planted: 0,
      });
    });
  });

  it('does not ask for a record that was never acknowledged', () => {
    const ledger = new RunLedger();
    const intent = {
      seq: 5,
      topic: TOPIC,
      partition: 0,
      sha256: sha256('x'),
      defect: null,
      expected: 'accept',
    } as const;
    ledger.add({ kind: 'intents', run: 'r', batch: 0, intents: [intent] });
    const accounts = compare({ world: rightWorld([]).world, ledger });
    expect(accounts).toMatchObject({ generated: 1, unsent: 1, missing: 0 });
    expect(isAccountedFor(accounts)).toBe(true);
  });
});

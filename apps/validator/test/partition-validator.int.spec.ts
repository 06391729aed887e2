import { randomUUID } from 'node:crypto';
import { deadLetterTopic, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import {
  type BatchOutcome,
  type KafkaRecord,
  partitionFor,
  readPartition,
  TransactionFailedError,
} from '@orderstream/kafka';
import { createLogger, Metrics } from '@orderstream/observability';
import {
  type Accounting,
  DEFAULT_CATALOG_LIMITS,
  DEFAULT_STATE_LIMITS,
  emptyAccounting,
  Judge,
  qualitySettings,
} from '@orderstream/quality';
import { CatalogReader } from '../src/catalog/catalog-reader';
import { type FaultPoint, type FaultPoints, NO_FAULTS } from '../src/partitions/fault-points';
import { PartitionValidator } from '../src/partitions/partition-validator';
import { ValidatorMetrics } from '../src/validator-metrics';
import { type Body, customerIn, rawRecord } from './events';
import { header, TestLog } from './log';

const FAMILY = 'customers';
const RAW = rawTopic(FAMILY);
const VALIDATED = validatedTopic(FAMILY);
const DEAD = deadLetterTopic(RAW, 'validator');
const BATCH_RECORDS = 8;
const TEST_MS = 60_000;

const log = new TestLog();
const logger = createLogger({ service: 'validator', level: 'silent' });
const settings = qualitySettings();

beforeAll(() => log.start([RAW, VALIDATED, DEAD, stateTopic(FAMILY)]), TEST_MS);
afterAll(() => log.stop());

const registered = (customer_id: string): Body => ({
  event_id: randomUUID(),
  event_type: 'customer.registered',
  occurred_at: new Date().toISOString(),
  customer_id,
  customer_registered_at: '2025-01-01T00:00:00.000Z',
  customer_country: 'DE',
  marketing_consent: true,
});

/** A validator of one partition as a process of its own would have it: nothing is shared with any other. */
function validatorOf(partition: number, faults: FaultPoints = NO_FAULTS): PartitionValidator {
  return new PartitionValidator({
    kafka: log.kafka,
    family: FAMILY,
    groupId: `validator-${FAMILY}`,
    ref: { topic: RAW, partition },
    judge: new Judge({ family: FAMILY, settings, partitionOf: (key) => partitionFor(key) }),
    settings,
    stateLimits: DEFAULT_STATE_LIMITS,
    catalog: new CatalogReader({
      kafka: log.kafka,
      catalogGroupId: 'validator-catalog',
      limits: DEFAULT_CATALOG_LIMITS,
      waitMs: 1_000,
      logger,
    }),
    transactionTimeoutMs: 10_000,
    breaker: { windowRecords: 0, maxShare: 1 },
    metrics: new ValidatorMetrics(new Metrics({ app: 'validator', processMetrics: false }), settings.actions),
    logger,
    faults,
    clock: () => new Date(),
  });
}

/** The accounts as a process that knows nothing restores them. */
async function accountingOf(partition: number): Promise<Accounting> {
  const validator = validatorOf(partition);
  await validator.open();
  const accounting = validator.state?.accounting ?? emptyAccounting();
  await validator.close();
  return accounting;
}

/** What a lane does: opens, hands over batch by batch, and after a retry opens again. */
async function runToEnd(validator: PartitionValidator, partition: number): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  for (;;) {
    const from = (await validator.open()) ?? 'beginning';
    const records: KafkaRecord[] = [];
    const { nextOffset: end } = await readPartition(
      log.kafka,
      { topic: RAW, partition, from, until: 'end', isolation: 'committed' },
      (batch) => {
        records.push(...batch.records);
      },
    );
    let last: BatchOutcome = { kind: 'ack' };
    while (records.length > 0 && last.kind === 'ack') {
      const batch = records.splice(0, BATCH_RECORDS);
      const nextOffset = records[0]?.offset ?? end;
      last = await validator.handle(
        { topic: RAW, partition, records: batch, nextOffset, highWatermark: end },
        new AbortController().signal,
      );
      outcomes.push(last);
    }
    if (last.kind === 'ack') return outcomes;
    await validator.close();
  }
}

/** 48 records: every sixth is broken, every seventh repeats the fourth before it. Returns the ids that must pass. */
async function fill(partition: number): Promise<{ wanted: string[]; broken: number; repeated: number; total: number }> {
  const wanted: string[] = [];
  let broken = 0;
  let repeated = 0;
  const bodies: Body[] = [];
  const records = Array.from({ length: 48 }, (_, index) => {
    const earlier = bodies.at(-4);
    if (index % 7 === 6 && earlier !== undefined) {
      repeated++;
      return rawRecord(earlier);
    }
    const body = registered(customerIn(partition));
    if (index % 6 === 5) {
      broken++;
      return rawRecord(body, { value: Buffer.from('broken') });
    }
    bodies.push(body);
    wanted.push(String(body.event_id));
    return rawRecord(body);
  });
  await log.send(...records);
  return { wanted, broken, repeated, total: records.length };
}

async function expectExactlyOnce(partition: number, filled: Awaited<ReturnType<typeof fill>>): Promise<void> {
  const validated = await log.readOne(VALIDATED, partition);
  expect(validated.map((record) => header(record, 'ce_id')).filter((id) => filled.wanted.includes(id ?? ''))).toEqual(
    filled.wanted,
  );
  const letters = await log.readOne(DEAD, partition);
  const sources = letters.map((record) => header(record, 'dlq-source-offset'));
  expect(new Set(sources).size).toBe(sources.length);
  expect(letters).toHaveLength(filled.broken);
}

describe('a partition through death and doubt', () => {
  const steps: [point: FaultPoint, occurrence: number, partition: number][] = [
    ['fenced', 1, 0],
    ['restored', 1, 1],
    ['judged', 3, 2],
    ['committed', 2, 3],
    ['folded', 2, 4],
  ];

  it.each(steps)(
    'validates each record once when the process dies at "%s" and comes back as a zombie',
    async (point, occurrence, partition) => {
      const before = await accountingOf(partition);
      const filled = await fill(partition);
      const died = Promise.withResolvers<undefined>();
      const revived = Promise.withResolvers<undefined>();
      let seen = 0;
      const first = validatorOf(partition, {
        reached: (reached) => {
          if (reached !== point || ++seen !== occurrence) return undefined;
          died.resolve(undefined);
          return revived.promise;
        },
      });
      const zombie = runToEnd(first, partition).catch((error: unknown) => error);
      await died.promise;

      const second = validatorOf(partition);
      expect((await runToEnd(second, partition)).every(({ kind }) => kind === 'ack')).toBe(true);
      const after = second.state?.accounting ?? emptyAccounting();
      expect([after.input - before.input, after.accepted - before.accepted]).toEqual([
        filled.total,
        filled.wanted.length,
      ]);
      expect([after.skipped - before.skipped, after.deadLettered - before.deadLettered]).toEqual([
        filled.repeated,
        filled.broken,
      ]);
      await expectExactlyOnce(partition, filled);

      // The first one goes on: whatever it still tries, it was fenced, opens again and finds nothing left to do.
      await second.close();
      revived.resolve(undefined);
      await zombie;
      await expectExactlyOnce(partition, filled);
      await first.close();
      expect(await accountingOf(partition)).toEqual(after);
    },
    TEST_MS,
  );

  it(
    'asks the committed position after an unknown outcome, without restoring',
    async () => {
      const partition = 5;
      const before = await accountingOf(partition);
      const filled = await fill(partition);
      let judged = 0;
      let committed = 0;
      let restoredStates = 0;
      const states = new Set<unknown>();
      const validator: PartitionValidator = validatorOf(partition, {
        reached: (point) => {
          const unknown = new TransactionFailedError('cut off', 'unknown', false);
          if (point === 'fenced') restoredStates++;
          if (validator.state !== undefined) states.add(validator.state);
          // Once the commit did not happen, once it did and the answer was lost.
          if (point === 'judged' && ++judged === 2) throw unknown;
          if (point === 'committed' && ++committed === 3) throw unknown;
        },
      });
      const outcomes = await runToEnd(validator, partition);
      expect(outcomes.filter(({ kind }) => kind === 'retry')).toHaveLength(2);
      expect(restoredStates).toBe(3);
      expect(states.size).toBe(1);
      const after = validator.state?.accounting ?? emptyAccounting();
      expect(after.input - before.input).toBe(filled.total);
      await expectExactlyOnce(partition, filled);
      await validator.close();
      expect(await accountingOf(partition)).toEqual(after);
    },
    TEST_MS,
  );
});

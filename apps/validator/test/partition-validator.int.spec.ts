import { randomUUID } from 'node:crypto';
import { deadLetterTopic, PARTITIONS, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { partitionFor, readPartition, TransactionFailedError } from '@orderstream/kafka';
import {
  type Accounting,
  DEFAULT_STATE_LIMITS,
  emptyAccounting,
  RuleEvaluator,
  type Evaluation,
  type PartitionState,
  StateUnreadableError,
} from '@orderstream/quality';
import type { FaultPoint } from '../src/partitions/fault-points';
import type { PartitionValidator } from '../src/partitions/partition-validator';
import { type RebuildReport, rebuildState } from '../src/rebuild/rebuild-state';
import { type Body, customerIn, rawRecord } from './events';
import { damaged as damagedOf, header, TestLog } from './log';
import { PartitionRuns, SETTINGS } from './partition-runs';

const FAMILY = 'customers';
const RAW = rawTopic(FAMILY);
const VALIDATED = validatedTopic(FAMILY);
const STATE = stateTopic(FAMILY);
const DEAD = deadLetterTopic(RAW, 'validator');
const TEST_MS = 60_000;

const log = new TestLog();
const runs = new PartitionRuns(log, FAMILY);

beforeAll(async () => {
  await log.start([RAW, VALIDATED, DEAD, STATE]);
  // Others may have left records on this broker that nobody has validated.
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => runs.settle(partition)));
}, TEST_MS);
afterEach(() => runs.stop(), TEST_MS);
afterAll(() => log.stop());

const damaged = (partition: number, key: string) => damagedOf(FAMILY, partition, key);

const registered = (customer_id: string): Body => ({
  event_id: randomUUID(),
  event_type: 'customer.registered',
  occurred_at: new Date().toISOString(),
  customer_id,
  customer_registered_at: '2025-01-01T00:00:00.000Z',
  customer_country: 'DE',
  marketing_consent: true,
});

interface Filled {
  /** Ids that must pass, in order. */
  readonly wanted: readonly string[];
  readonly broken: number;
  readonly repeated: number;
  readonly total: number;
  readonly lettersBefore: number;
}

/** 48 records: every sixth is broken, every seventh repeats the fourth before it. */
async function fill(partition: number): Promise<Filled> {
  const lettersBefore = (await log.readOne(DEAD, partition)).length;
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
  return { wanted, broken, repeated, total: records.length, lettersBefore };
}

async function expectExactlyOnce(partition: number, filled: Filled): Promise<void> {
  const validated = await log.readOne(VALIDATED, partition);
  expect(validated.map((record) => header(record, 'ce_id')).filter((id) => filled.wanted.includes(id ?? ''))).toEqual(
    filled.wanted,
  );
  const letters = await log.readOne(DEAD, partition);
  const sources = letters.map((record) => header(record, 'dlq-source-offset'));
  expect(new Set(sources).size).toBe(sources.length);
  expect(letters).toHaveLength(filled.lettersBefore + filled.broken);
}

describe('a partition through death and doubt', () => {
  const steps: [point: FaultPoint, occurrence: number, partition: number][] = [
    ['fenced', 1, 0],
    ['restored', 1, 1],
    ['evaluated', 3, 2],
    ['committed', 2, 3],
    ['folded', 2, 4],
  ];

  it.each(steps)(
    'validates each record once when the process dies at "%s" and comes back as a zombie',
    async (point, occurrence, partition) => {
      const before = await runs.accounting(partition);
      const filled = await fill(partition);
      const death = runs.death(point, occurrence);
      const first = runs.validator(partition, { faults: death.faults });
      const zombie = runs.toEnd(first, partition).catch((error: unknown) => error);
      await death.died;

      const second = runs.validator(partition);
      expect((await runs.toEnd(second, partition)).every(({ kind }) => kind === 'ack')).toBe(true);
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
      death.revive();
      await zombie;
      await expectExactlyOnce(partition, filled);
      await first.close();
      expect(await runs.accounting(partition)).toEqual(after);
    },
    TEST_MS,
  );

  it(
    'asks the committed position after an unknown outcome, without restoring',
    async () => {
      const partition = 5;
      const before = await runs.accounting(partition);
      const filled = await fill(partition);
      let evaluated = 0;
      let committed = 0;
      let restoredStates = 0;
      const states = new Set<unknown>();
      const validator: PartitionValidator = runs.validator(partition, {
        faults: {
          reached: (point) => {
            const unknown = new TransactionFailedError('cut off', 'unknown', false);
            if (point === 'fenced') restoredStates++;
            if (validator.state !== undefined) states.add(validator.state);
            // Once the commit did not happen, once it did and the answer was lost.
            if (point === 'evaluated' && ++evaluated === 2) throw unknown;
            if (point === 'committed' && ++committed === 3) throw unknown;
          },
        },
      });
      const outcomes = await runs.toEnd(validator, partition);
      expect(outcomes.filter(({ kind }) => kind === 'retry')).toHaveLength(2);
      expect(restoredStates).toBe(3);
      expect(states.size).toBe(1);
      const after = validator.state?.accounting ?? emptyAccounting();
      expect(after.input - before.input).toBe(filled.total);
      await expectExactlyOnce(partition, filled);
      await validator.close();
      expect(await runs.accounting(partition)).toEqual(after);
    },
    TEST_MS,
  );
});

/** Fails as a defect in a rule would, on one event and as often as told. */
class FailingEvaluator extends RuleEvaluator {
  calls = 0;

  constructor(
    private readonly eventId: unknown,
    private readonly failures: number,
  ) {
    super({ family: FAMILY, settings: SETTINGS, partitionOf: (key) => partitionFor(key) });
  }

  override evaluate(...args: Parameters<RuleEvaluator['evaluate']>): Evaluation {
    if (String(args[0].headers.ce_id) === this.eventId && ++this.calls <= this.failures)
      throw new RangeError('a defect');
    return super.evaluate(...args);
  }
}

describe('a rule that throws', () => {
  it.each([
    ['three times: the record alone is dead-lettered', 3, ['internal.rule_failed'], 1],
    ['twice: the record passes', 2, [], 0],
  ])(
    '%s',
    async (_, failures, reasons, lost) => {
      const partition = 0;
      const bodies = Array.from({ length: 5 }, () => registered(customerIn(partition)));
      const poison = bodies[2]?.event_id;
      await runs.settle(partition);
      const before = await runs.accounting(partition);
      await log.send(...bodies.map((body) => rawRecord(body)));
      const evaluator = new FailingEvaluator(poison, failures);
      const validator = runs.validator(partition, { evaluator });
      expect(await runs.toEnd(validator, partition)).toEqual([{ kind: 'ack' }]);
      await validator.close();
      expect(evaluator.calls).toBe(3);
      const letters = (await log.readOne(DEAD, partition)).filter((one) => header(one, 'ce_id') === poison);
      expect(letters.map((one) => header(one, 'dlq-reason'))).toEqual(reasons);
      const passed = (await log.readOne(VALIDATED, partition)).map((one) => header(one, 'ce_id'));
      expect(passed.slice(lost - 5)).toEqual(
        bodies.map(({ event_id }) => event_id).filter((id) => lost === 0 || id !== poison),
      );
      const after = await runs.accounting(partition);
      expect([after.accepted - before.accepted, after.deadLettered - before.deadLettered]).toEqual([5 - lost, lost]);
    },
    TEST_MS,
  );
});

describe('a position that expired with its group', () => {
  it(
    'is the one that the state knows',
    async () => {
      const partition = 1;
      const filled = await fill(partition);
      const first = runs.validator(partition);
      await runs.toEnd(first, partition);
      const position = first.state?.nextOffset;
      const accounting = first.state?.accounting;
      await first.close();
      await log.forgetGroup(`validator-${FAMILY}`);
      const second = runs.validator(partition);
      expect(await second.open()).toBe(position);
      await second.close();
      await runs.toEnd(second, partition);
      expect(second.state?.accounting).toEqual(accounting);
      await second.close();
      await expectExactlyOnce(partition, filled);
    },
    TEST_MS,
  );
});

describe('a restored state', () => {
  const partition = 4;

  /** What must be the same: the accounts, and the time of every event, in order. */
  const remembered = ({ accounting, nextOffset, events }: PartitionState): unknown => ({
    accounting,
    nextOffset,
    events: Array.from({ length: events.size }, (_, rank) => events.timeAt(rank)),
  });

  /** The keys that the state topic has for events, deleted ones left out. */
  async function eventKeys(): Promise<string[]> {
    const keys = new Set<string>();
    const whole = { topic: STATE, partition, from: 'beginning', until: 'end', isolation: 'committed' } as const;
    await readPartition(log.kafka, whole, ({ records }) => {
      for (const { key, value } of records) {
        const name = key?.toString() ?? '';
        if (!name.startsWith('events/')) continue;
        if (value === null) keys.delete(name);
        else keys.add(name);
      }
    });
    return [...keys];
  }

  it(
    'is the one that the killed process had, life after life: what was accepted in any of them is a duplicate',
    async () => {
      const lives = [20, 1, 30].map((count) => Array.from({ length: count }, () => registered(customerIn(partition))));
      const send = (bodies: readonly Body[]): Promise<void> => log.send(...bodies.map((body) => rawRecord(body)));
      for (const [life, bodies] of lives.entries()) {
        await send(bodies);
        // Not closed before the next one opens: as if it had been killed.
        const killed = runs.validator(partition);
        await runs.toEnd(killed, partition);
        const { state } = killed;
        if (state === undefined) throw new Error('it is not open');
        // Opening fences it. Before that its last commit may be answered and not yet in what readers of committed records see.
        const heir = runs.validator(partition);
        await heir.open();
        if (heir.state === undefined) throw new Error('it is not open');
        expect(remembered(heir.state)).toEqual(remembered(state));
        expect(await eventKeys()).toEqual(state.eventRecords.firsts.map((first) => `events/${String(first)}`));
        await heir.close();

        const known = lives.slice(0, life + 1).flat();
        await send(known);
        const next = runs.validator(partition);
        await runs.toEnd(next, partition);
        const { skipped, accepted } = next.state?.accounting ?? emptyAccounting();
        expect([skipped, accepted]).toEqual([state.accounting.skipped + known.length, state.accounting.accepted]);
      }
      const wanted = lives.flat().map(({ event_id }) => event_id);
      const passed = (await log.readOne(VALIDATED, partition)).map((record) => header(record, 'ce_id'));
      expect(passed.filter((id) => wanted.includes(id))).toEqual(wanted);
    },
    TEST_MS,
  );
});

describe('a state of another position', () => {
  it(
    'stops the partition: evaluated on, it would forget what it has accepted',
    async () => {
      const partition = 4;
      await fill(partition);
      const owner = runs.validator(partition);
      await runs.toEnd(owner, partition);
      const position = owner.state?.nextOffset ?? 0;
      await owner.close();
      const moveTo = (offset: number): Promise<void> => log.moveGroup(`validator-${FAMILY}`, RAW, partition, offset);
      await moveTo(position - 1);
      await expect(runs.validator(partition).open()).rejects.toMatchObject({
        code: 'STATE_UNREADABLE',
        retriable: false,
        message: expect.stringContaining(`holds the state of offset ${String(position)}`) as string,
      });
      await moveTo(position);
      const heir = runs.validator(partition);
      expect(await heir.open()).toBe(position);
      await heir.close();
    },
    TEST_MS,
  );
});

describe('a state that cannot be read', () => {
  const rebuild = (partition: number): Promise<RebuildReport> =>
    rebuildState({
      kafka: log.kafka,
      family: FAMILY,
      partition,
      groupId: `validator-${FAMILY}`,
      settings: SETTINGS,
      limits: DEFAULT_STATE_LIMITS,
      transactionTimeoutMs: 10_000,
      clock: () => new Date(),
    });

  it.each<[name: string, key: string, accounts: RebuildReport['accounts'], partition: number]>([
    ['an entry', 'lifecycle/damaged', 'kept', 2],
    ['the accounts', 'counters', 'recounted', 3],
  ])(
    'is rebuilt from the validated log after %s was damaged',
    async (_, key, accounts, partition) => {
      const filled = await fill(partition);
      const owner = runs.validator(partition);
      await runs.toEnd(owner, partition);
      const before: Accounting = owner.state?.accounting ?? emptyAccounting();
      const position = owner.state?.nextOffset;
      await log.send(damaged(partition, key));
      await expect(runs.validator(partition).open()).rejects.toThrow(StateUnreadableError);

      const report = await rebuild(partition);
      expect(report).toMatchObject({ family: FAMILY, partition, position, accounts, missingBelowCommit: 0 });
      const counts = ({ input, accepted, repaired, skipped, deadLettered }: Accounting): unknown => ({
        input,
        accepted,
        repaired,
        skipped,
        deadLettered,
      });
      expect(counts(report.accounting)).toEqual(counts(before));
      // The former owner was fenced by it: it opens again, restores, and still knows what it has accepted.
      const [again] = (await log.readOne(RAW, partition)).filter((one) =>
        filled.wanted.includes(header(one, 'ce_id') ?? ''),
      );
      if (again === undefined) throw new Error('nothing was sent');
      await log.send({ ...again, timestamp: Date.now() });
      await owner.close();
      await runs.toEnd(owner, partition);
      expect(owner.state?.accounting).toMatchObject({ input: before.input + 1, skipped: before.skipped + 1 });
      await owner.close();
      await expectExactlyOnce(partition, filled);
    },
    TEST_MS,
  );
});

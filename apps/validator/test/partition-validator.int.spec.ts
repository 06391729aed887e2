import { randomUUID } from 'node:crypto';
import { deadLetterTopic, PARTITIONS, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { type OutputRecord, partitionFor, readPartition, TransactionFailedError } from '@orderstream/kafka';
import {
  type Accounting,
  DEFAULT_CATALOG_LIMITS,
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
import { header, TestLog, unreadable } from './log';
import { SETTINGS, ValidatorRuns } from './validator-runs';

const FAMILY = 'customers';
const RAW = rawTopic(FAMILY);
const VALIDATED = validatedTopic(FAMILY);
const STATE = stateTopic(FAMILY);
const DEAD = deadLetterTopic(RAW, 'validator');
const GROUP = `validator-${FAMILY}`;
const TEST_MS = 60_000;

const log = new TestLog();
const runs = new ValidatorRuns(log, FAMILY);

beforeAll(async () => {
  await log.start([RAW, VALIDATED, DEAD, STATE]);
  // Other runs on this broker may have left records that are not validated.
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => runs.validateRest(partition)));
}, TEST_MS);
afterEach(() => runs.stop(), TEST_MS);
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

/** Identifies a sent record in the raw topic, in the validated topic and in the dead letters: headers are passed on. */
const SENT_AS = 'test-record';

interface SentRecords {
  /** Names of the records that must be accepted, in the order of the log. */
  readonly accepted: readonly string[];
  /** Names of the records that must be dead-lettered. */
  readonly rejected: readonly string[];
  /** Number of records that repeat an accepted event: they must leave nothing. */
  readonly repeated: number;
  /** Number of all of them. */
  readonly total: number;
  /** Number of validated records and dead letters of the partition before. */
  readonly before: { readonly validated: number; readonly dead: number };
}

/** Sends 48 records: every sixth is broken, every seventh repeats the event of the fourth good record before it. */
async function sendRecords(partition: number): Promise<SentRecords> {
  const before = {
    validated: (await log.readPartition(VALIDATED, partition)).length,
    dead: (await log.readPartition(DEAD, partition)).length,
  };
  const accepted: string[] = [];
  const rejected: string[] = [];
  let repeated = 0;
  const bodies: Body[] = [];
  const records = Array.from({ length: 48 }, (_, index) => {
    const name = `${randomUUID()}/${String(index)}`;
    const named = (body: Body, changes: Partial<OutputRecord> = {}): OutputRecord => {
      const record = rawRecord(body, changes);
      return { ...record, headers: { ...record.headers, [SENT_AS]: name } };
    };
    const earlier = bodies.at(-4);
    if (index % 7 === 6 && earlier !== undefined) {
      repeated++;
      return named(earlier);
    }
    const body = registered(customerIn(partition));
    if (index % 6 === 5) {
      rejected.push(name);
      return named(body, { value: Buffer.from('broken') });
    }
    bodies.push(body);
    accepted.push(name);
    return named(body);
  });
  await log.send(...records);
  return { accepted, rejected, repeated, total: records.length, before };
}

/**
 * Since the records were sent, the validated topic holds exactly the accepted ones, each once and in order, and the
 * dead letters exactly the rejected ones, with the offsets of the raw topic.
 */
async function expectExactlyOnce(partition: number, { accepted, rejected, before }: SentRecords): Promise<void> {
  const validated = (await log.readPartition(VALIDATED, partition)).slice(before.validated);
  expect(validated.map((record) => header(record, SENT_AS))).toEqual(accepted);
  const offsets = new Map(
    (await log.readPartition(RAW, partition)).map((record) => [header(record, SENT_AS), String(record.offset)]),
  );
  const letters = (await log.readPartition(DEAD, partition)).slice(before.dead);
  expect(letters.map((letter) => [header(letter, SENT_AS), header(letter, 'dlq-source-offset')])).toEqual(
    rejected.map((name) => [name, offsets.get(name)]),
  );
}

describe('a partition of a killed process, or of an unknown outcome', () => {
  const steps: [point: FaultPoint, occurrence: number, partition: number][] = [
    ['fenced', 1, 0],
    ['restored', 1, 1],
    ['evaluated', 3, 2],
    ['committed', 2, 3],
    ['folded', 2, 4],
  ];

  it.each(steps)(
    'validates each record once when the process dies at "%s" and goes on as a zombie',
    async (point, occurrence, partition) => {
      const before = await runs.restoreAccounting(partition);
      const sent = await sendRecords(partition);
      const suspension = runs.suspendAt(point, occurrence);
      const first = runs.validator(partition, { faults: suspension.faults });
      const zombie = runs.runToEnd(first, partition).catch((error: unknown) => error);
      await suspension.suspended;

      const second = runs.validator(partition);
      expect((await runs.runToEnd(second, partition)).every(({ kind }) => kind === 'ack')).toBe(true);
      const after = second.state?.accounting ?? emptyAccounting();
      expect({
        input: after.input - before.input,
        accepted: after.accepted - before.accepted,
        skipped: after.skipped - before.skipped,
        deadLettered: after.deadLettered - before.deadLettered,
      }).toEqual({
        input: sent.total,
        accepted: sent.accepted.length,
        skipped: sent.repeated,
        deadLettered: sent.rejected.length,
      });
      await expectExactlyOnce(partition, sent);

      // The first process resumes: it was fenced, opens the partition again and finds nothing left to validate.
      await second.close();
      suspension.resume();
      await zombie;
      await expectExactlyOnce(partition, sent);
      await first.close();
      expect(await runs.restoreAccounting(partition)).toEqual(after);
    },
    TEST_MS,
  );

  it(
    'settles an unknown outcome by the committed offset, without restoring the state',
    async () => {
      const partition = 5;
      const before = await runs.restoreAccounting(partition);
      const sent = await sendRecords(partition);
      let evaluated = 0;
      let committed = 0;
      let openings = 0;
      const states = new Set<unknown>();
      const validator: PartitionValidator = runs.validator(partition, {
        faults: {
          reached: (point) => {
            const unknown = new TransactionFailedError('connection lost', 'unknown', false);
            if (point === 'fenced') openings++;
            if (validator.state !== undefined) states.add(validator.state);
            // One commit is not sent, one is committed and its answer is lost.
            if (point === 'evaluated' && ++evaluated === 2) throw unknown;
            if (point === 'committed' && ++committed === 3) throw unknown;
          },
        },
      });
      const outcomes = await runs.runToEnd(validator, partition);
      expect(outcomes.filter(({ kind }) => kind === 'retry')).toHaveLength(2);
      expect(openings).toBe(3);
      expect(states.size).toBe(1);
      const after = validator.state?.accounting ?? emptyAccounting();
      expect(after.input - before.input).toBe(sent.total);
      await expectExactlyOnce(partition, sent);
      await validator.close();
      expect(await runs.restoreAccounting(partition)).toEqual(after);
    },
    TEST_MS,
  );
});

/** Throws on one event, as a defect in a rule does, for the given number of times. */
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
    ['three times dead-letters that record alone', 3, ['internal.rule_failed'], 1],
    ['twice dead-letters nothing', 2, [], 0],
  ])(
    '%s',
    async (_, failures, reasons, lost) => {
      const partition = 0;
      const bodies = Array.from({ length: 5 }, () => registered(customerIn(partition)));
      const poison = bodies[2]?.event_id;
      await runs.validateRest(partition);
      const before = await runs.restoreAccounting(partition);
      await log.send(...bodies.map((body) => rawRecord(body)));
      const evaluator = new FailingEvaluator(poison, failures);
      const validator = runs.validator(partition, { evaluator });
      expect(await runs.runToEnd(validator, partition)).toEqual([{ kind: 'ack' }]);
      await validator.close();
      expect(evaluator.calls).toBe(3);
      const letters = (await log.readPartition(DEAD, partition)).filter((one) => header(one, 'ce_id') === poison);
      expect(letters.map((one) => header(one, 'dlq-reason'))).toEqual(reasons);
      const passed = (await log.readPartition(VALIDATED, partition)).map((one) => header(one, 'ce_id'));
      expect(passed.slice(lost - 5)).toEqual(
        bodies.map(({ event_id }) => event_id).filter((id) => lost === 0 || id !== poison),
      );
      const after = await runs.restoreAccounting(partition);
      expect([after.accepted - before.accepted, after.deadLettered - before.deadLettered]).toEqual([5 - lost, lost]);
    },
    TEST_MS,
  );
});

describe('a committed offset that expired with its group', () => {
  it(
    'is taken from the state',
    async () => {
      const partition = 1;
      const sent = await sendRecords(partition);
      const first = runs.validator(partition);
      await runs.runToEnd(first, partition);
      const nextOffset = first.state?.nextOffset;
      const accounting = first.state?.accounting;
      await first.close();
      expect(await log.committedOffset(GROUP, RAW, partition)).toBe(nextOffset);
      await log.deleteGroup(GROUP);
      expect(await log.committedOffset(GROUP, RAW, partition)).toBeUndefined();
      const second = runs.validator(partition);
      expect(await second.open()).toBe(nextOffset);
      await second.close();
      await runs.runToEnd(second, partition);
      expect(second.state?.accounting).toEqual(accounting);
      await second.close();
      await expectExactlyOnce(partition, sent);
    },
    TEST_MS,
  );
});

describe('a restored state', () => {
  const partition = 4;

  /** What two equal states have in common: the accounts, and the time of every event, in order. */
  const remembered = ({ accounting, nextOffset, events }: PartitionState): unknown => ({
    accounting,
    nextOffset,
    events: Array.from({ length: events.identities.size }, (_, rank) => events.identities.timeAt(rank)),
  });

  /** Keys of events in the state topic, without the deleted ones. */
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
    'equals the state of the killed process, kill after kill, and skips what any of the processes accepted',
    async () => {
      const rounds = [20, 1, 30].map((count) => Array.from({ length: count }, () => registered(customerIn(partition))));
      const validatedBefore = (await log.readPartition(VALIDATED, partition)).length;
      const send = (bodies: readonly Body[]): Promise<void> => log.send(...bodies.map((body) => rawRecord(body)));
      for (const [round, bodies] of rounds.entries()) {
        await send(bodies);
        // It is not closed before the next one opens, as if it had been killed.
        const killed = runs.validator(partition);
        await runs.runToEnd(killed, partition);
        const { state } = killed;
        if (state === undefined) throw new Error('the partition is not open');
        // Opening fences it: its last commit is answered, but only then certain to be visible to readers of committed
        // records.
        const restarted = runs.validator(partition);
        await restarted.open();
        if (restarted.state === undefined) throw new Error('the partition is not open');
        expect(remembered(restarted.state)).toEqual(remembered(state));
        expect(await eventKeys()).toEqual(state.events.firsts.map((first) => `events/${String(first)}`));
        await restarted.close();

        const known = rounds.slice(0, round + 1).flat();
        await send(known);
        const next = runs.validator(partition);
        await runs.runToEnd(next, partition);
        const { skipped, accepted } = next.state?.accounting ?? emptyAccounting();
        expect([skipped, accepted]).toEqual([state.accounting.skipped + known.length, state.accounting.accepted]);
      }
      const validated = (await log.readPartition(VALIDATED, partition)).slice(validatedBefore);
      expect(validated.map((record) => header(record, 'ce_id'))).toEqual(rounds.flat().map(({ event_id }) => event_id));
    },
    TEST_MS,
  );
});

describe('a state of another offset than the committed one', () => {
  it(
    'fails the opening with an error that no retry resolves, until the committed offset is set back',
    async () => {
      const partition = 4;
      await sendRecords(partition);
      const owner = runs.validator(partition);
      await runs.runToEnd(owner, partition);
      const nextOffset = owner.state?.nextOffset ?? 0;
      await owner.close();
      const commit = (offset: number): Promise<void> => log.setCommittedOffset(GROUP, RAW, partition, offset);
      await commit(nextOffset - 1);
      await expect(runs.validator(partition).open()).rejects.toMatchObject({
        code: 'STATE_UNREADABLE',
        retriable: false,
        message: expect.stringContaining(`holds the state of offset ${String(nextOffset)}`) as string,
      });
      await commit(nextOffset);
      const next = runs.validator(partition);
      expect(await next.open()).toBe(nextOffset);
      await next.close();
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
      groupId: GROUP,
      settings: SETTINGS,
      limits: DEFAULT_STATE_LIMITS,
      catalogLimits: DEFAULT_CATALOG_LIMITS,
      transactionTimeoutMs: 10_000,
      clock: () => new Date(),
    });

  it.each<[name: string, key: string, accounts: RebuildReport['accounts'], partition: number]>([
    ['an entry', 'lifecycle/damaged', 'retained', 2],
    ['the accounts', 'counters', 'recounted', 3],
  ])(
    'is rebuilt from the validated log after %s was damaged',
    async (_, key, accounts, partition) => {
      const sent = await sendRecords(partition);
      const owner = runs.validator(partition);
      await runs.runToEnd(owner, partition);
      const before: Accounting = owner.state?.accounting ?? emptyAccounting();
      const committedOffset = owner.state?.nextOffset;
      await log.send(unreadable(FAMILY, partition, key));
      await expect(runs.validator(partition).open()).rejects.toThrow(StateUnreadableError);

      const report = await rebuild(partition);
      expect(report).toMatchObject({ family: FAMILY, partition, committedOffset, accounts, ignored: 0 });
      const counts = ({ input, accepted, repaired, skipped, deadLettered }: Accounting): unknown => ({
        input,
        accepted,
        repaired,
        skipped,
        deadLettered,
      });
      expect(counts(report.accounting)).toEqual(counts(before));
      // The command has fenced the owner, which opens again, restores, and skips an event that it accepted before.
      const [again] = (await log.readPartition(RAW, partition)).filter((one) =>
        sent.accepted.includes(header(one, SENT_AS) ?? ''),
      );
      if (again === undefined) throw new Error('nothing was sent');
      await log.send({ ...again, timestamp: Date.now() });
      await owner.close();
      await runs.runToEnd(owner, partition);
      expect(owner.state?.accounting).toMatchObject({ input: before.input + 1, skipped: before.skipped + 1 });
      await owner.close();
      await expectExactlyOnce(partition, sent);
    },
    TEST_MS,
  );
});

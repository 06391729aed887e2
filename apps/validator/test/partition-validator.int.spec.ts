import { deadLetterTopic, PARTITIONS, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { partitionFor, readPartition, TransactionFailedError } from '@orderstream/kafka';
import { emptyAccounting, RuleEvaluator, type Evaluation, type PartitionState } from '@orderstream/quality';
import type { FaultPoint } from '../src/partitions/fault-points';
import type { PartitionValidator } from '../src/partitions/partition-validator';
import { type Body, customerIn, rawRecord } from './events';
import { BROKERS, header, TestLog } from './log';
import { RecordSender, registered } from './sent-records';
import { SETTINGS, ValidatorRuns } from './validator-runs';
import { useContractTopicsAlone } from '../../../test/support/contract-topics';

useContractTopicsAlone(BROKERS);

const FAMILY = 'customers';
const RAW = rawTopic(FAMILY);
const VALIDATED = validatedTopic(FAMILY);
const STATE = stateTopic(FAMILY);
const DEAD = deadLetterTopic(RAW, 'validator');
const GROUP = `validator-${FAMILY}`;
const TEST_MS = 60_000;

const log = new TestLog();
const runs = new ValidatorRuns(log, FAMILY);
const sender = new RecordSender(log, FAMILY);

beforeAll(async () => {
  await log.start([RAW, VALIDATED, DEAD, STATE]);
  // Other runs on this broker may have left records that are not validated.
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => runs.validateRest(partition)));
}, TEST_MS);
afterEach(() => runs.stop(), TEST_MS);
afterAll(() => log.stop());

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
      const sent = await sender.send(partition);
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
      await sender.expectExactlyOnce(partition, sent);

      // The first process resumes: it was fenced, opens the partition again and finds nothing left to validate.
      await second.close();
      suspension.resume();
      await zombie;
      await sender.expectExactlyOnce(partition, sent);
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
      const sent = await sender.send(partition);
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
      await sender.expectExactlyOnce(partition, sent);
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
      const sent = await sender.send(partition);
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
      await sender.expectExactlyOnce(partition, sent);
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

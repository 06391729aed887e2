import { OrderstreamError } from '@orderstream/errors';
import { deadLetterTopic, DLQ_HEADERS, partitionFor, rawTopic, REPLAYS_TOPIC } from '@orderstream/contracts';
import { createLogger } from '@orderstream/observability';
import fc from 'fast-check';
import { asRead } from '../../test/failed-records';
import { type CommitFate, MemoryLog } from '../../test/replay-memory';
import { buildDeadLetter } from '../build-dead-letter';
import { CanaryGate } from './canary-gate';
import { ChosenLetters } from './chosen-letters';
import { PartitionReplay, type PartitionReplayOptions, type ReplayFaults } from './partition-replay';
import { RateLimit } from './rate-limit';
import { replayTopicOf } from './replay-topic';
import { ReturnedRecords } from './returned-records';

const RAW = rawTopic('orders');
const TOPIC = deadLetterTopic(RAW, 'validator');
const KEY = Buffer.from('a');
const PARTITION = partitionFor(KEY);
const { signal } = new AbortController();
const logger = createLogger({ service: 'spec', level: 'silent' });

/** The waits of the code under test are 500 times shorter. */
jest.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, ms / 500);
    }),
}));

jest.setTimeout(60_000);

class Killed extends OrderstreamError {
  readonly code = 'REPLAY_STATE';
}

const letterAt = (offset: number, code = 'reference.unknown_vendor', attempt = 1): ReturnType<typeof asRead> => {
  const failed = attempt === 1 ? {} : { [DLQ_HEADERS.attempt]: Buffer.from(String(attempt - 1)) };
  const record = {
    topic: RAW,
    partition: PARTITION,
    offset: 1_000 + offset,
    timestamp: 0,
    key: KEY,
    value: Buffer.from(String(offset)),
  };
  const built = buildDeadLetter(
    { ...record, headers: { ce_id: Buffer.from(String(offset)), ...failed } },
    { app: 'validator', reasons: [{ code }], failedAt: new Date(0) },
  );
  return asRead(built, TOPIC, offset);
};

function replayOf(log: MemoryLog, letters: ChosenLetters, more: Partial<PartitionReplayOptions> = {}): PartitionReplay {
  const topic = replayTopicOf(TOPIC);
  if (topic === undefined) throw new TypeError(TOPIC);
  return new PartitionReplay({
    planId: 'plan',
    topic: TOPIC,
    partition: PARTITION,
    replaysTopic: REPLAYS_TOPIC,
    letters,
    receiptsFrom: 0,
    records: new ReturnedRecords({ id: 'plan', options: { includeDuplicates: false } }, topic),
    io: log.io(),
    limit: new RateLimit(1, { now: () => 0, wait: () => Promise.resolve() }),
    gate: new CanaryGate(undefined),
    batchRecords: 3,
    confirm: () => Promise.resolve(),
    logger,
    clock: () => new Date(0),
    ...more,
  });
}

const chosenOf = (offsets: readonly number[]): ChosenLetters => {
  const chosen = new ChosenLetters();
  for (const offset of offsets) chosen.add(offset);
  return chosen;
};
const valuesOf = (log: MemoryLog): string[] => log.returned.map(({ value }) => String(value));

describe('the replay of a partition', () => {
  it('returns each chosen letter once and in order, killed at any steps and with any outcome of its commits', async () => {
    const all = Array.from({ length: 41 }, (_, offset) => letterAt(offset));
    const chosen = fc.uniqueArray(fc.nat({ max: 40 }), { minLength: 1, maxLength: 30 });
    // One number a step: whether the process is killed there, or what happens to the commit.
    const steps = fc.array(fc.nat({ max: 9 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(chosen, steps, async (offsets, given) => {
        const left = [...given];
        const fates: readonly CommitFate[] = ['aborted', 'unanswered', 'lost'];
        const log = new MemoryLog(all, REPLAYS_TOPIC, () => fates[left.shift() ?? 9] ?? 'ok');
        const faults: ReplayFaults = {
          reached: () => {
            if ((left.shift() ?? 9) < 2) throw new Killed('killed');
          },
        };
        for (let isDone = false; !isDone;) {
          try {
            await replayOf(log, chosenOf(offsets), { faults }).run(signal);
            isDone = true;
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
          }
        }
        expect(valuesOf(log)).toEqual(offsets.map(String));
        expect(log.receipts.map(({ letter }) => letter)).toEqual(
          offsets.map((o) => `${TOPIC}/${String(PARTITION)}/${String(o)}`),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('returns each letter once when several consoles work on it at once', async () => {
    const offsets = Array.from({ length: 40 }, (_, i) => i);
    const log = new MemoryLog(
      offsets.map((offset) => letterAt(offset)),
      REPLAYS_TOPIC,
    );
    await Promise.all([0, 1, 2].map(() => replayOf(log, chosenOf(offsets)).run(signal)));
    expect(valuesOf(log)).toEqual(offsets.map(String));
  });

  it('skips what another plan has returned, and what is gone; rejects and parks what does not return', async () => {
    const letters = [
      letterAt(0),
      letterAt(2, 'duplicate.order'),
      { ...letterAt(3, 'x', 6), topic: TOPIC },
      letterAt(4),
    ];
    const log = new MemoryLog(letters, REPLAYS_TOPIC);
    await replayOf(log, chosenOf([0]), { planId: 'first' }).run(signal);
    await replayOf(log, chosenOf([0, 1, 2, 3, 4])).run(signal);
    const outcomes = log.receipts.filter(({ plan }) => plan === 'plan').map(({ outcome, reason }) => [outcome, reason]);
    expect(outcomes).toEqual([
      ['skipped', 'plan first has returned it'],
      ['skipped', 'the retention of its topic has removed it'],
      ['rejected', 'replay.duplicate: duplicate.order needs an edit or includeDuplicates'],
      ['parked', 'replay.attempts: it has failed 6 times'],
      ['returned', undefined],
    ]);
    expect(log.returned.map(({ topic }) => topic)).toEqual([RAW, `${TOPIC}.parked`, RAW]);
  });

  it('has no more than the canary returned until the gate is open', async () => {
    const offsets = Array.from({ length: 20 }, (_, i) => i);
    const log = new MemoryLog(
      offsets.map((offset) => letterAt(offset)),
      REPLAYS_TOPIC,
    );
    const gate = new CanaryGate(7);
    const running = replayOf(log, chosenOf(offsets), { gate }).run(signal);
    await gate.exhausted;
    await new Promise((resolve) => setImmediate(resolve));
    expect(valuesOf(log)).toEqual(offsets.slice(0, 7).map(String));
    gate.open();
    await running;
    expect(valuesOf(log)).toEqual(offsets.map(String));
  });

  it('does not write while another console owns the plan', async () => {
    const log = new MemoryLog([letterAt(0)], REPLAYS_TOPIC);
    const confirm = (): Promise<void> => Promise.reject(new Killed('killed'));
    await expect(replayOf(log, chosenOf([0]), { confirm }).run(signal)).rejects.toThrow(Killed);
    expect(log.returned).toEqual([]);
  });
});

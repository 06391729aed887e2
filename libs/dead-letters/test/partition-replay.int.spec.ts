import { OrderstreamError } from '@orderstream/errors';
import { setTimeout as delay } from 'node:timers/promises';
import { PARTITIONS } from '@orderstream/contracts';
import { fetchEndOffsets, TransactionFailedError } from '@orderstream/kafka';
import { CanaryGate } from '../src/replay/canary-gate';
import { ChosenLetters } from '../src/replay/chosen-letters';
import { PartitionReplay, type ReplayFaults } from '../src/replay/partition-replay';
import { RateLimit } from '../src/replay/rate-limit';
import { KafkaPartitionIo } from '../src/replay/replay-io';
import { ReturnedRecords } from '../src/replay/returned-records';
import { kafka, logger as silent, numbersByKey, ReplayLog, someBodies } from './replay-log';

jest.setTimeout(180_000);

class Killed extends OrderstreamError {
  readonly code = 'REPLAY_STATE';
}

const log = new ReplayLog();
let fencings = 0;
const logger = silent.child({});
logger.warn = ({ err }: { readonly err?: unknown }) => {
  if (err instanceof TransactionFailedError && err.fenced) fencings++;
};

beforeAll(() => log.start());
afterAll(() => log.stop());

function replayOf(planId: string, letters: ChosenLetters, partition: number, faults?: ReplayFaults): PartitionReplay {
  const { topic } = log.topic;
  return new PartitionReplay({
    planId,
    topic,
    partition,
    replaysTopic: log.replays,
    letters,
    receiptsFrom: 0,
    records: new ReturnedRecords({ id: planId, options: { includeDuplicates: false } }, log.topic),
    io: new KafkaPartitionIo(kafka, topic, partition, log.replays),
    limit: new RateLimit(100_000),
    gate: new CanaryGate(undefined),
    batchRecords: 5,
    confirm: () => Promise.resolve(),
    logger,
    clock: () => new Date(),
    faults,
  });
}

/** The letters of each partition from these offsets on, in their order. */
async function lettersFrom(ends: readonly number[] = []): Promise<ChosenLetters[]> {
  const chosen = Array.from({ length: PARTITIONS }, () => new ChosenLetters());
  for (const { partition, offset } of await log.read(log.topic.topic)) {
    if (offset >= (ends[partition] ?? 0)) chosen[partition]?.add(offset);
  }
  return chosen;
}

/** The numbers of the bodies of each key, in their order. */
function expectedOf(bodies: ReturnType<typeof someBodies>): ReadonlyMap<string, number[]> {
  const expected = new Map<string, number[]>();
  for (const { customer_id = '', number } of bodies) {
    expected.set(customer_id, [...(expected.get(customer_id) ?? []), Number(number)]);
  }
  return new Map([...expected].sort());
}
const sorted = (numbers: ReadonlyMap<string, number[]>): ReadonlyMap<string, number[]> => new Map([...numbers].sort());

describe('the replay of partitions on a broker', () => {
  const bodies = someBodies(2_000);
  const { signal } = new AbortController();

  it('returns 2,000 letters once and in key order, killed at random points', async () => {
    await log.reject(bodies);
    const chosen = await lettersFrom();
    let kills = 0;
    const faults: ReplayFaults = {
      reached: () => {
        if (Math.random() > 0.08) return;
        kills++;
        throw new Killed('killed');
      },
    };
    await Promise.all(
      chosen.map(async (letters, partition) => {
        for (let run = 0; run < 1_000; run++) {
          try {
            await replayOf('plan', letters, partition, faults).run(signal);
            return;
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
          }
        }
      }),
    );
    expect(kills).toBeGreaterThan(10);
    expect(sorted(numbersByKey(await log.read(log.source)))).toEqual(expectedOf(bodies));
    const receipts = await log.receipts();
    expect(receipts).toHaveLength(2_000);
    expect(new Set(receipts.map(({ letter }) => letter)).size).toBe(2_000);
  });

  it('returns each letter once when two consoles work on them at once and fence each other', async () => {
    const ends = await fetchEndOffsets(kafka, log.topic.topic);
    const before = await fetchEndOffsets(kafka, log.source);
    const more = someBodies(600, 3);
    await log.reject(more);
    const chosen = await lettersFrom(ends);
    const slow = { reached: () => delay(5) };
    await Promise.all(
      [0, 1].flatMap(() => chosen.map((letters, partition) => replayOf('both', letters, partition, slow).run(signal))),
    );
    const returned = (await log.read(log.source)).filter(({ partition, offset }) => offset >= (before[partition] ?? 0));
    expect(sorted(numbersByKey(returned))).toEqual(expectedOf(more));
    const receipts = (await log.receipts()).filter(({ plan }) => plan === 'both');
    expect(receipts.map(({ outcome }) => outcome)).toEqual(Array(600).fill('returned'));
    expect(fencings).toBeGreaterThan(0);
  });
});

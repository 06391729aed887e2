import { waitUntil } from '@orderstream/deadlines';
import { type FailureOutcome, stop } from '@orderstream/kafka';

import { PartitionSink } from '../src/streams/partition-sink';
import type { PartitionSinkDependencies } from '../src/streams/sink-dependencies';
import { fixedDependencies, LIMITS, type LogEntry, Process, SimulatedWorld } from './simulated-world';

const RATES = { lost: 0, kill: 0, unknown: 0 };
const MAX_RUN = 20;

interface Running {
  readonly world: SimulatedWorld;
  readonly sink: PartitionSink;
  /** Number of dead letters in each commit that has some. */
  readonly deadLetterCommits: readonly number[];
  readonly failures: readonly FailureOutcome[];
  /** Lets BigQuery answer. */
  readonly answer: () => void;
}

/** A sink whose appends are not answered before `answer` is called. */
async function openOn(log: readonly LogEntry[], changes: Partial<PartitionSinkDependencies> = {}): Promise<Running> {
  const world = new SimulatedWorld(log, () => 0.5, RATES);
  const process = new Process();
  const gate = Promise.withResolvers<undefined>();
  const deadLetterCommits: number[] = [];
  const failures: FailureOutcome[] = [];
  const warehouse = world.warehouse(process);
  const sink = new PartitionSink({
    ...fixedDependencies(log),
    ...changes,
    warehouse: {
      ...warehouse,
      connect: async (stream) => {
        const appender = await warehouse.connect(stream);
        return {
          usable: true,
          append: (rows, offset) => gate.promise.then(() => appender.append(rows, offset)),
          close: () => {
            appender.close();
          },
        };
      },
    },
    openTransactions: async () => {
      const transactions = await world.openTransactions(process);
      return {
        ...transactions,
        commit: (writes) => {
          if (writes.records.length > 0) deadLetterCommits.push(writes.records.length);
          return transactions.commit(writes);
        },
      };
    },
    outcomeOf: (cause) => stop(cause instanceof Error ? cause : new Error(String(cause))),
    interrupt: (outcome) => failures.push(outcome),
  });
  await sink.open();
  return {
    world,
    sink,
    deadLetterCommits,
    failures,
    answer: () => {
      gate.resolve(undefined);
    },
  };
}

const entries = (entry: LogEntry, count: number): LogEntry[] => Array.from({ length: count }, () => entry);

describe('a run of rejected records', () => {
  it('waits within a bound for the appends before it: the sink takes no more records', async () => {
    const log: LogEntry[] = ['o', ...entries('x', 1_000)];
    const { world, sink, answer, deadLetterCommits } = await openOn(log);
    let hasTaken = false;
    const taken = sink.take(world.records(0, log.length)).finally(() => (hasTaken = true));
    // With an append in flight as many batches and runs wait as the limit allows, and one more.
    const bound = 1 + LIMITS.maxInFlight * MAX_RUN;
    await waitUntil(() => sink.describe().pendingRecords >= MAX_RUN, {
      what: 'rejected records that wait',
      deadlineMs: 5_000,
    });
    for (let iteration = 0; iteration < 50; iteration++) await new Promise((resolve) => setImmediate(resolve));
    expect(sink.describe().pendingRecords).toBeLessThanOrEqual(bound);
    expect([hasTaken, sink.describe().committed]).toEqual([false, 0]);

    answer();
    expect(await taken).toMatchObject({ kind: 'stop', cause: { code: 'ROWS_REJECTED' } });
    expect(deadLetterCommits).toEqual([MAX_RUN]);
    await sink.close();
  });

  it('is committed at its bound, and the sink goes on behind it', async () => {
    const group: LogEntry[] = [...entries('x', MAX_RUN), 'o'];
    const log: LogEntry[] = ['o', ...group, ...group, ...entries('b', MAX_RUN), 'o', ...entries('x', MAX_RUN)];
    const { world, sink, answer, deadLetterCommits, failures } = await openOn(log);
    const taken = sink.take(world.records(0, log.length));
    await waitUntil(() => sink.describe().pendingRecords > MAX_RUN, {
      what: 'a run and a record behind it',
      deadlineMs: 5_000,
    });
    answer();
    expect(await taken).toEqual({ kind: 'ack' });
    await sink.drain(AbortSignal.timeout(10_000));
    expect(failures).toEqual([]);
    expect(world.problems).toEqual([]);
    expect(world.table).toEqual([0, 21, 42, 63]);
    expect(world.deadLetters).toEqual(log.flatMap((entry, offset) => (entry === 'o' ? [] : [offset])));
    expect(world.committed.offset).toBe(log.length);
    expect(Math.max(...deadLetterCommits)).toBe(MAX_RUN);
    await sink.close();
  });
});

describe('a rejected record that is a dead letter itself', () => {
  it('stops the partition with nothing committed behind it, and names the command that leaves it out', async () => {
    const { world, sink, answer, deadLetterCommits, failures } = await openOn(['o', 'x', 'o'], {
      deadLetters: false,
    });
    const taken = sink.take(world.records(0, 3));
    answer();
    await taken;
    await waitUntil(() => failures.length > 0, { what: 'the failure of the sink', deadlineMs: 5_000 });
    expect(failures).toMatchObject([{ kind: 'stop', cause: { code: 'ROWS_REJECTED' } }]);
    expect(JSON.stringify(failures.map((failure) => String('cause' in failure && failure.cause)))).toContain(
      '--partition 3 --to 2',
    );
    expect([world.table, world.deadLetters, deadLetterCommits]).toEqual([[0], [], []]);
    expect(sink.position).toBe(1);
    await sink.close();
  });
});

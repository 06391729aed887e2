import { Rng } from '@orderstream/random';
import { type BatchOutcome } from '@orderstream/kafka';
import * as fc from 'fast-check';

import { PartitionSink } from '../src/streams/partition-sink';
import { SILENT_OBSERVER } from './silent-observer';
import { LIMITS, type LogEntry, offsetRows, PARTITION, Process, SimulatedWorld } from './simulated-world';

interface Run {
  readonly world: SimulatedWorld;
  readonly stops: readonly unknown[];
  readonly opens: number;
}

/**
 * Owners of the partition, one after the other or several at once (a zombie goes on until it learns better), each fed
 * as a task feeds its sink, until one of them has drained the whole log.
 */
async function run(
  log: readonly LogEntry[],
  seed: number,
  faults: { lost: number; kill: number; zombie: number; forget: number },
): Promise<Run> {
  const rng = Rng.seeded(seed);
  const random = (): number => rng.fraction();
  const world = new SimulatedWorld(log, random, faults);
  const stops: unknown[] = [];
  const sinks: PartitionSink[] = [];
  let opens = 0;
  let done = false;

  async function own(budget: number): Promise<void> {
    for (let attempt = 0; attempt < 50 && !isSettled(); attempt++) {
      const process = new Process();
      opens++;
      let over = false;
      const failed = new Promise<BatchOutcome>((resolve) => {
        const sink = new PartitionSink({
          partition: PARTITION,
          limits: LIMITS,
          mapper: offsetRows(log),
          warehouse: world.warehouse(process),
          openTransactions: () => world.openTransactions(process),
          logBounds: () => Promise.resolve({ start: 0, end: world.producedUntil }),
          delay: () => world.tick(),
          now: () => new Date(0),
          faults: world.faults(process),
          observer: SILENT_OBSERVER,
          outcomeOf: (cause) =>
            cause instanceof Error && cause.name === 'RecoveryAmbiguousError'
              ? { kind: 'stop', cause }
              : { kind: 'retry', afterMs: 0, cause },
          interrupt: resolve,
        });
        sinks.push(sink);
        feed(sink).then(resolve, (cause: unknown) => {
          resolve({ kind: 'retry', afterMs: 0, cause });
        });
      });
      const isOver = (): boolean => over;
      const killed = (async (): Promise<BatchOutcome> => {
        while (process.alive && !isOver()) await new Promise((resolve) => setImmediate(resolve));
        return { kind: 'retry', afterMs: 0, cause: 'killed' };
      })();
      const outcome = await Promise.race([failed, killed]);
      over = true;
      if (outcome.kind === 'stop') stops.push(outcome.cause);
      if (outcome.kind === 'ack') done = true;
      if (random() < faults.forget) world.forgetStreams();
      if (budget > 0 && random() < 0.3) return;
    }
  }

  async function feed(sink: PartitionSink): Promise<BatchOutcome> {
    let at = await sink.open();
    while (at < world.end) {
      if (random() < faults.zombie && zombies < 2) {
        zombies++;
        void own(0).catch((error: unknown) => stops.push(error));
      }
      const batch = world.records(at, 1 + Math.floor(random() * 7));
      const outcome = await sink.take(batch);
      if (outcome.kind !== 'ack') {
        await sink.close();
        return outcome;
      }
      at = batch.nextOffset;
      if (random() < 0.05) await new Promise((resolve) => setTimeout(resolve, 6));
    }
    await sink.drain(new AbortController().signal);
    const drained = sink.describe().committed === world.end;
    await sink.close();
    return drained ? { kind: 'ack' } : { kind: 'retry', afterMs: 0, cause: 'drain failed' };
  }

  const isSettled = (): boolean => done || stops.length > 0;
  let zombies = 0;
  for (let owners = 0; owners < 100 && !isSettled(); owners++) await own(1);
  // What killed and fenced owners still have on its way lands now, or never.
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
  // A killed process has no timers; its sink, which only stands still, has.
  await Promise.all(sinks.map((sink) => sink.close()));
  return { world, stops, opens };
}

const logOf = fc
  .array(
    fc.oneof({ weight: 6, arbitrary: fc.constant<LogEntry>('o') }, fc.constantFrom<LogEntry>('b', 'x', 'f', '-')),
    {
      minLength: 1,
      maxLength: 60,
      // Without it most logs are of less than ten records: few appends, and hardly one under way beside another.
      size: 'max',
    },
  )
  .map((log) => log);

function expectExactlyOnce(log: readonly LogEntry[], { world, stops }: Run): void {
  expect(stops).toEqual([]);
  expect(world.problems).toEqual([]);
  const records = log.flatMap((entry, offset) => (entry === '-' ? [] : [offset]));
  expect([...world.table, ...world.deadLetters].sort((a, b) => a - b)).toEqual(records);
  for (const offset of world.deadLetters) expect(['b', 'x', 'f']).toContain(log[offset]);
  expect(world.committed.offset).toBe(log.length);
}

/** @param numRuns logs and courses of events for each way in which things go wrong */
export function protocolProperties(numRuns: number, timeoutMs: number): void {
  it.each([
    ['nothing goes wrong', { lost: 0, kill: 0, zombie: 0, forget: 0 }],
    ['processes are killed at any step', { lost: 0, kill: 0.02, zombie: 0, forget: 0 }],
    ['answers are lost', { lost: 0.05, kill: 0, zombie: 0, forget: 0 }],
    ['former owners go on as zombies', { lost: 0, kill: 0, zombie: 0.2, forget: 0 }],
    ['all of it at once', { lost: 0.03, kill: 0.01, zombie: 0.1, forget: 0 }],
    ['BigQuery forgets streams between owners', { lost: 0.02, kill: 0.02, zombie: 0, forget: 0.3 }],
  ])(
    'makes one row or one dead letter of each record, in order, when %s',
    async (_, faults) => {
      await fc.assert(
        fc.asyncProperty(logOf, fc.integer(), async (log, seed) => {
          expectExactlyOnce(log, await run(log, seed, faults));
        }),
        { numRuns, endOnFailure: true },
      );
    },
    timeoutMs,
  );
}

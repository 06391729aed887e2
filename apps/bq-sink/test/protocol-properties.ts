import { Rng } from '@orderstream/random';
import { type BatchOutcome } from '@orderstream/kafka';
import * as fc from 'fast-check';

import { PartitionSink } from '../src/streams/partition-sink';
import { fixedDependencies, type LogEntry, Process, SimulatedWorld } from './simulated-world';

const FAULT_KINDS = ['lost', 'kill', 'zombie', 'forget', 'unknown'] as const;
type FaultKind = (typeof FAULT_KINDS)[number];
/** Probabilities of each fault, from 0 to 1. */
type Faults = Readonly<Record<FaultKind, number>>;
const NO_FAULTS = { lost: 0, kill: 0, zombie: 0, forget: 0, unknown: 0 };

interface Run {
  readonly world: SimulatedWorld;
  /** Causes for which a sink stopped the partition. */
  readonly stops: readonly unknown[];
  /** Faults that happened. */
  readonly counts: Readonly<Record<FaultKind, number>>;
}

/**
 * Runs owners of the partition, each fed as a partition task feeds its sink, until one of them has drained the whole log.
 * Owners follow one another, or overlap with zombies, which go on until they are fenced.
 */
async function run(log: readonly LogEntry[], seed: number, faults: Faults): Promise<Run> {
  const rng = Rng.seeded(seed);
  const random = (): number => rng.fraction();
  const world = new SimulatedWorld(log, random, faults);
  const stops: unknown[] = [];
  const sinks: PartitionSink[] = [];
  let zombies = 0;
  let done = false;
  const isSettled = (): boolean => done || stops.length > 0;

  /** Opens one sink after the other for the same owner. */
  async function own(mayLeave: boolean): Promise<void> {
    for (let attempt = 0; attempt < 50 && !isSettled(); attempt++) {
      const outcome = await runSink(new Process());
      if (outcome.kind === 'stop') stops.push(outcome.cause);
      if (outcome.kind === 'ack') done = true;
      if (random() < faults.forget) world.forgetStreams();
      if (mayLeave && random() < 0.3) return;
    }
  }

  /** One sink, until it has drained the log, fails, or is killed. */
  async function runSink(process: Process): Promise<BatchOutcome> {
    let isOver = false;
    const ended = new Promise<BatchOutcome>((resolve) => {
      const sink = new PartitionSink({
        ...fixedDependencies(log),
        warehouse: world.warehouse(process),
        openTransactions: () => world.openTransactions(process),
        logBounds: () => Promise.resolve({ start: 0, end: world.producedUntil }),
        delay: () => world.tick(),
        faults: world.faults(process),
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
    const isEnded = (): boolean => isOver;
    const killed = (async (): Promise<BatchOutcome> => {
      while (process.alive && !isEnded()) await new Promise((resolve) => setImmediate(resolve));
      return { kind: 'retry', afterMs: 0, cause: 'killed' };
    })();
    const outcome = await Promise.race([ended, killed]);
    isOver = true;
    return outcome;
  }

  async function feed(sink: PartitionSink): Promise<BatchOutcome> {
    let at = await sink.open();
    while (at < world.end) {
      if (random() < faults.zombie && zombies < 2) {
        zombies++;
        void own(false).catch((error: unknown) => stops.push(error));
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

  for (let owners = 0; owners < 100 && !isSettled(); owners++) await own(true);
  // Requests of killed and fenced owners that are still in flight take effect now.
  for (let iteration = 0; iteration < 40; iteration++) await new Promise((resolve) => setImmediate(resolve));
  // A killed process has no timers. Its sink, which only hangs here, has.
  await Promise.all(sinks.map((sink) => sink.close()));
  return { world, stops, counts: { ...world.faultCounts, zombie: zombies } };
}

const logOf = fc.array(
  fc.oneof({ weight: 6, arbitrary: fc.constant<LogEntry>('o') }, fc.constantFrom<LogEntry>('b', 'i', 'x', 'f', '-')),
  {
    minLength: 1,
    maxLength: 60,
    // Without it most logs have less than ten records, and appends in flight hardly overlap.
    size: 'max',
  },
);

function expectExactlyOnce(log: readonly LogEntry[], { world, stops }: Run): void {
  expect(stops).toEqual([]);
  expect(world.problems).toEqual([]);
  const records = log.flatMap((entry, offset) => (entry === '-' ? [] : [offset]));
  expect([...world.table, ...world.deadLetters].sort((a, b) => a - b)).toEqual(records);
  for (const offset of world.deadLetters) expect(['b', 'i', 'x', 'f']).toContain(log[offset]);
  expect(world.committed.offset).toBe(log.length);
}

/** @param numRuns generated logs and seeds for each combination of faults */
export function protocolProperties(numRuns: number, timeoutMs: number): void {
  it.each<[string, Partial<Faults>]>([
    ['nothing fails', {}],
    ['processes are killed at any step', { kill: 0.02 }],
    ['answers are lost', { lost: 0.05 }],
    ['former owners continue as zombies', { zombie: 0.2 }],
    ['processes are killed, answers are lost and zombies continue', { lost: 0.03, kill: 0.01, zombie: 0.1 }],
    ['BigQuery deletes streams between owners', { lost: 0.02, kill: 0.02, forget: 0.3 }],
    [
      'BigQuery wrongly does not know streams while former owners continue',
      { lost: 0.02, kill: 0.01, zombie: 0.1, unknown: 0.3 },
    ],
  ])(
    'writes one row or one dead letter for each record, in order, when %s',
    async (_, rates) => {
      const faults = { ...NO_FAULTS, ...rates };
      const totals = { ...NO_FAULTS };
      await fc.assert(
        fc.asyncProperty(logOf, fc.integer(), async (log, seed) => {
          const result = await run(log, seed, faults);
          for (const kind of FAULT_KINDS) totals[kind] += result.counts[kind];
          expectExactlyOnce(log, result);
        }),
        { numRuns, endOnFailure: true },
      );
      // Each fault that the name promises has happened, and no other.
      expect(FAULT_KINDS.filter((kind) => totals[kind] > 0)).toEqual(FAULT_KINDS.filter((kind) => faults[kind] > 0));
    },
    timeoutMs,
  );
}

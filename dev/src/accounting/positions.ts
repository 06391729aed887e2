import { setTimeout as delay } from 'node:timers/promises';
import { deadLetterTopic, FAMILIES, type Family, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchCommitted, fetchEnds } from '@orderstream/kafka';
import { type Admin } from 'kafkajs';
import { DeadlineError } from '../errors';
import { type Verdicts } from './accounts';

/** Positions of one family's topics by partition, all of one moment between two commits of the validator. */
export interface FamilyPositions {
  /** First raw offset that the validator has not judged. */
  readonly judged: readonly number[];
  readonly validated: readonly number[];
  readonly deadLetters: readonly number[];
  readonly refusedBySink: readonly number[];
  readonly refusedByBridge: readonly number[];
}

/** A cut through the pipeline: every raw record below `judged` has its outcome below the other positions, and no other has. */
export interface Cut {
  readonly families: Readonly<Record<Family, FamilyPositions>>;
  /** The validator's own cumulative counters at the same moment. */
  readonly counters: Readonly<Record<Family, Verdicts & { readonly input: number }>>;
}

const CUT_DEADLINE_MS = 60_000;
const CUT_INTERVAL_MS = 200;

/**
 * Takes a cut. The validator commits outcomes and position together; so positions that are read between two equal readings
 * of its commits and counters belong together. While records are being judged that may take a few attempts.
 */
export async function takeCut(admin: Admin, readCounters: () => Promise<Cut['counters']>): Promise<Cut> {
  const until = performance.now() + CUT_DEADLINE_MS;
  for (;;) {
    const before = await readState(admin, readCounters);
    const families = await forEachFamily(async (family) => ({
      judged: before.judged[family],
      validated: await fetchEnds(admin, validatedTopic(family)),
      deadLetters: await fetchEnds(admin, deadLetterTopic(rawTopic(family), 'validator')),
      refusedBySink: await fetchEnds(admin, deadLetterTopic(validatedTopic(family), 'bq-sink')),
      refusedByBridge:
        family === 'orders' ? await fetchEnds(admin, deadLetterTopic(validatedTopic(family), 'pubsub-bridge')) : [],
    }));
    const after = await readState(admin, readCounters);
    if (JSON.stringify(before) === JSON.stringify(after)) return { families, counters: after.counters };
    if (performance.now() > until)
      throw new DeadlineError('the validator to pause between two commits', CUT_DEADLINE_MS);
    await delay(CUT_INTERVAL_MS);
  }
}

async function readState(
  admin: Admin,
  readCounters: () => Promise<Cut['counters']>,
): Promise<{ readonly judged: Record<Family, number[]>; readonly counters: Cut['counters'] }> {
  const counters = await readCounters();
  return { judged: await forEachFamily((family) => judgedOffsets(admin, family)), counters };
}

/** The next raw offset to be judged, by partition; the validator has committed everything below it. */
export async function judgedOffsets(admin: Admin, family: Family): Promise<number[]> {
  const committed = await fetchCommitted(admin, `validator-${family}`, rawTopic(family));
  return committed.map((offset) => offset ?? 0);
}

export async function forEachFamily<T>(work: (family: Family) => Promise<T>): Promise<Record<Family, T>> {
  const entries = await Promise.all(FAMILIES.map(async (family) => [family, await work(family)] as const));
  return Object.fromEntries(entries) as Record<Family, T>;
}

import { FAMILIES, rawTopic } from '@orderstream/contracts';
import { fetchEndOffsets } from '@orderstream/kafka';
import { type Admin } from 'kafkajs';
import { waitUntilDrained } from './drain';
import { eventsSince, type JournalMark } from './read-journal';
import { type GeneratorProgress } from './service-progress';
import { committedRawOffsets, forEachFamily } from './snapshot';

export interface ValidatedOptions {
  readonly admin: Admin;
  readonly generator: () => Promise<GeneratorProgress>;
  /** Directory of the generator's journal. */
  readonly ledgerFolder: string;
  readonly signal: AbortSignal;
}

/**
 * Waits until the generator has sent its events and the validator has processed them.
 *
 * @throws NoProgressError
 */
export async function waitUntilValidated(
  { admin, generator, ledgerFolder, signal }: ValidatedOptions,
  journal: JournalMark,
  events: number,
): Promise<void> {
  await waitUntilDrained(
    'the generator to send its events',
    async () => {
      const { state, nextSeq, run } = await generator();
      if (state === 'failed') throw new Error('The generator failed. Its log says why.');
      // A generator that restarts when no events are left does not start a run: its state is `stopped`.
      const done = state !== 'running' && eventsSince(ledgerFolder, journal) >= events;
      return { done, mark: JSON.stringify([nextSeq, run.acked]) };
    },
    signal,
  );
  const ends = await forEachFamily((family) => fetchEndOffsets(admin, rawTopic(family)));
  await waitUntilDrained(
    'the validator to process every raw record',
    async () => {
      const committed = await forEachFamily((family) => committedRawOffsets(admin, family));
      const done = FAMILIES.every((family) => reached(committed[family], ends[family]));
      return { done, mark: JSON.stringify(committed) };
    },
    signal,
  );
}

/** Whether each committed offset has reached its goal. A goal of 0 needs no committed offset. */
export function reached(committed: readonly (number | undefined)[], goals: readonly number[]): boolean {
  return goals.every((goal, partition) => goal === 0 || (committed[partition] ?? 0) >= goal);
}

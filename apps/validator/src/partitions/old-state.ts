import { type Family, stateTopic } from '@orderstream/contracts';
import { readPartition } from '@orderstream/kafka';
import { readSummary, type StateSummary, SUMMARY_KEY } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

/** What a state partition holds, as far as it matters where some of it cannot be read. */
export interface OldState {
  /** Keys that are not deleted, also those whose records cannot be read. */
  readonly keys: ReadonlySet<string>;
  /** Undefined if there is none, or it cannot be read. */
  readonly summary: StateSummary | undefined;
}

/** Only reads. To be called as `restoreState`. @throws ReadTimeoutError when the broker does not answer */
export async function readOldState(kafka: Kafka, family: Family, partition: number): Promise<OldState> {
  const keys = new Set<string>();
  let summary: StateSummary | undefined;
  await readPartition(
    kafka,
    { topic: stateTopic(family), partition, from: 'beginning', until: 'end', isolation: 'committed' },
    ({ records }) => {
      for (const { key, value } of records) {
        const name = key?.toString() ?? '';
        if (value === null) keys.delete(name);
        else keys.add(name);
        if (name === SUMMARY_KEY) summary = value === null ? undefined : readSummary(value.toString());
      }
    },
  );
  return { keys, summary };
}

import type { Kafka } from 'kafkajs';
import { fetchCommittedOffsets, fetchEndOffsets } from '@orderstream/kafka';

/** Consumer groups and their topics, by whose offsets a run is measured. */
export interface Workload {
  readonly groups: readonly { readonly groupId: string; readonly topic: string }[];
}

/** Processed records, and the total. */
export interface Progress {
  readonly done: number;
  readonly end: number;
}

const sum = (offsets: readonly (number | undefined)[]): number =>
  offsets.reduce<number>((total, offset) => total + (offset ?? 0), 0);

/**
 * Reads the committed offsets and the end offsets of the workload, summed over all partitions. Both include transaction
 * markers.
 */
export async function readProgress(kafka: Kafka, workload: Workload): Promise<Progress> {
  const figures = await Promise.all(
    workload.groups.map(async ({ groupId, topic }) => ({
      committed: sum(await fetchCommittedOffsets(kafka, groupId, topic)),
      end: sum(await fetchEndOffsets(kafka, topic)),
    })),
  );
  return {
    done: figures.reduce((total, figure) => total + figure.committed, 0),
    end: figures.reduce((total, figure) => total + figure.end, 0),
  };
}

import type { Kafka } from 'kafkajs';
import { fetchCommitted, fetchEnds } from '@orderstream/kafka';

/** A consumer group and the topics it reads: what a run is measured by. */
export interface Workload {
  readonly groups: readonly { readonly groupId: string; readonly topic: string }[];
}

/** Records done so far and records to do. */
export interface Progress {
  readonly done: number;
  readonly end: number;
}

const sum = (offsets: readonly (number | undefined)[]): number =>
  offsets.reduce<number>((total, offset) => total + (offset ?? 0), 0);

/**
 * Reads from the broker how far a workload's groups are: offsets committed and offsets to commit, summed over all
 * partitions. They count transaction markers, in both figures alike.
 */
export async function progressOf(kafka: Kafka, workload: Workload): Promise<Progress> {
  const figures = await Promise.all(
    workload.groups.map(async ({ groupId, topic }) => ({
      committed: sum(await fetchCommitted(kafka, groupId, topic)),
      end: sum(await fetchEnds(kafka, topic)),
    })),
  );
  return {
    done: figures.reduce((total, figure) => total + figure.committed, 0),
    end: figures.reduce((total, figure) => total + figure.end, 0),
  };
}

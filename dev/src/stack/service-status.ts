import { FAMILIES, type Family } from '@orderstream/contracts';
import { z } from 'zod';

/** The fields of each `/admin/status` that the local stack reads. Other fields are ignored. */

const count = z.number().int().nonnegative();
const partitions = z.array(
  z.object({
    topic: z.string(),
    partition: count,
    state: z.string(),
    lag: z.number().nullish(),
    nextOffset: count.optional(),
  }),
);

export const generatorStatus = z.object({
  state: z.enum(['running', 'stopped', 'finished', 'failed']),
  nextSeq: count,
  run: z.object({ generated: count, acked: count }),
  rate: z.object({ achieved: z.number() }),
});
export type GeneratorStatus = z.infer<typeof generatorStatus>;

const familyCounters = z.object({
  input: count,
  accepted: count,
  repaired: count,
  skipped: count,
  deadLettered: count,
  passedOver: count,
  flagged: count,
});
export type FamilyCounters = z.infer<typeof familyCounters>;

export const validatorStatus = z.object({
  accounting: z.record(z.enum(FAMILIES as readonly [Family, ...Family[]]), familyCounters),
  partitions,
});
export type ValidatorStatus = z.infer<typeof validatorStatus>;

export const consumerStatus = z.object({ partitions });
export type ConsumerStatus = z.infer<typeof consumerStatus>;

/** The partitions of events, and those of dead letters: a lag of the latter holds up no event. */
export const sinkStatus = z.object({ partitions, deadLetters: consumerStatus });

export const bridgeStatus = z.object({ partitions, unacknowledged: count });

export const subscriptionStatus = z.object({ emptyPulls: count, rowsWritten: count });

/** Partitions in this state, as `topic/partition`. */
export function partitionsIn(state: string, status: ConsumerStatus): string[] {
  return status.partitions
    .filter((each) => each.state === state)
    .map(({ topic, partition }) => `${topic}/${String(partition)}`);
}

export function totalLag(status: ConsumerStatus): number {
  return status.partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0);
}

export function totalOf(status: ValidatorStatus, counter: keyof FamilyCounters): number {
  return FAMILIES.reduce((sum, family) => sum + status.accounting[family][counter], 0);
}

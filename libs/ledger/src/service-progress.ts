import { type Family } from '@orderstream/contracts';
import { type Counters } from './accounts';

/** The fields of the generator's `/admin/status` that the comparison uses. */
export interface GeneratorProgress {
  readonly state: 'running' | 'stopped' | 'finished' | 'failed';
  readonly nextSeq: number;
  readonly run: { readonly acked: number };
}

/** A consumer's assigned partitions, as its `/admin/status` lists them. */
export interface AssignedPartitions {
  readonly partitions: readonly { readonly state: string }[];
}

/** The fields of the validator's `/admin/status` that the comparison uses. */
export interface ValidatorProgress extends AssignedPartitions {
  /** Cumulative counters since the topics were created. */
  readonly accounting: Readonly<Record<Family, Counters & { readonly input: number; readonly flagged: number }>>;
}

/** Whether a consumer has opened all partitions. Until then its counters leave out those that are opening. */
export function hasOpened({ partitions }: AssignedPartitions, wanted: number): boolean {
  return partitions.length === wanted && partitions.every(({ state }) => state !== 'opening');
}

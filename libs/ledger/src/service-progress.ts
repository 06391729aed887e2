import { type Family } from '@orderstream/contracts';
import { type Verdicts } from './accounts';

/** What the comparison needs of the generator's `/admin/status`. */
export interface GeneratorProgress {
  readonly state: 'running' | 'stopped' | 'finished' | 'failed';
  readonly nextSeq: number;
  readonly run: { readonly acked: number };
}

/** Partitions that a consumer has, as its `/admin/status` lists them. */
export interface AssignedPartitions {
  readonly partitions: readonly { readonly state: string }[];
}

/** What the comparison needs of the validator's `/admin/status`. */
export interface ValidatorProgress extends AssignedPartitions {
  /** Cumulative counters since the topics were created. */
  readonly accounting: Readonly<Record<Family, Verdicts & { readonly input: number }>>;
}

/** Whether a consumer has opened all its partitions. Until then its counters leave out those that are still opening. */
export function hasOpened({ partitions }: AssignedPartitions, wanted: number): boolean {
  return partitions.length === wanted && partitions.every(({ state }) => state !== 'opening');
}

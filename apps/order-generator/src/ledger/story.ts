import { type Family, type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { type Epoch } from '../simulation/epochs';
import { type Sequence } from '../simulation/sequence';
import { type CheckpointText } from './checkpoint';

/** The story and where it is written down, as the emission sees them. */
export interface Story {
  readonly sequence: Sequence;
  /** The first record of before that may have arrived or not. */
  readonly doubtFrom: number | undefined;
  /** Id of the run; empty before the first. */
  readonly run: string;
  topicOf(family: Family): string;
  /** A new run begins, with an epoch that settles what was in doubt. */
  beginRun(startedAt: Date, epoch: Epoch): void;
  beginEpoch(epoch: Epoch): void;
  /** To be called before the first of them is sent. */
  intents(batch: number, intents: readonly LedgerIntent[]): void;
  acks(batch: number, acks: readonly LedgerAck[]): void;
  /** The story as it stands, to be stored once everything before is acknowledged. */
  snapshot(): CheckpointText;
  store(snapshot: CheckpointText): void;
}

import { type Family, type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { type Segment } from '../simulation/schedule';
import { type Sequence } from '../simulation/sequence';
import { type CheckpointText } from './checkpoint';

/** The simulation and its ledger, as the emitter uses them. */
export interface EmissionLedger {
  readonly sequence: Sequence;
  /** The first earlier record whose outcome is unknown; undefined if there is none. */
  readonly unknownFrom: number | undefined;
  /** Id of the run; empty before the first. */
  readonly run: string;
  topicOf(family: Family): string;
  /** Begins a run with its first segment. */
  beginRun(startedAt: Date, segment: Segment): void;
  beginSegment(segment: Segment): void;
  /** Must be called before the first of these records is sent. */
  intents(batch: number, intents: readonly LedgerIntent[]): void;
  acks(batch: number, acks: readonly LedgerAck[]): void;
  /** The current state, to be stored once every record before it is acknowledged. */
  snapshot(): CheckpointText;
  store(snapshot: CheckpointText): void;
}

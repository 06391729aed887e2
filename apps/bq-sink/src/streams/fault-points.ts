/**
 * The steps of the protocol between which a process can be killed (docs/sink-protocol.md). `fenced`: the transactional
 * producer is open and the committed position read, which is one call. `committed-read`: the log's bounds are known too.
 */
export type SinkStep =
  | 'fenced'
  | 'committed-read'
  | 'finalized'
  | 'max-read'
  | 'stream-created'
  | 'stream-named'
  | 'append-sent'
  | 'append-answered'
  | 'commit-begun'
  | 'committed'
  | 'rejection-settled'
  | 'rejection-committed'
  | 'stream-ended'
  | 'end-committed';

/** Where a fault suite stops, kills or delays a sink. Called right after the step it names. */
export interface FaultPoints {
  reach(step: SinkStep): Promise<void> | void;
}

export const NO_FAULTS: FaultPoints = {
  reach() {
    // Nothing stands in the way of a sink in production.
  },
};

/**
 * The steps of the protocol between which a process can be killed (docs/sink-protocol.md). `fenced`: the transactional
 * producer is open and has read the committed position; both happen in one call. `committed-read`: the log's bounds are
 * known, too.
 */
export type SinkStep =
  | 'fenced'
  | 'committed-read'
  | 'finalized'
  | 'max-read'
  | 'stream-created'
  | 'stream-assigned'
  | 'append-sent'
  | 'append-answered'
  | 'commit-begun'
  | 'committed'
  | 'rejection-settled'
  | 'rejection-committed'
  | 'stream-ended'
  | 'end-committed';

/** Where the fault suite kills or delays a sink. Called immediately after the step. */
export interface FaultPoints {
  reach(step: SinkStep): Promise<void> | void;
}

export const NO_FAULTS: FaultPoints = {
  reach() {
    // In production nothing happens between the steps.
  },
};

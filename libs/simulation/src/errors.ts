import { OrderstreamError } from '@orderstream/errors';

/** A segment or a checkpoint that this program cannot continue. */
export class SegmentMismatchError extends OrderstreamError {
  readonly code = 'SIMULATION_SEGMENT_MISMATCH';

  constructor(what: string) {
    super(
      `${what}. Begin a new segment: it has the same people, and the orders that are open end without further events`,
    );
  }
}

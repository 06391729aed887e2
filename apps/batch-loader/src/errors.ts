import { OrderstreamError } from '@orderstream/errors';

/** A block needs an object that the store does not have. */
export class ObjectMissingError extends OrderstreamError {
  readonly code = 'BATCH_OBJECT_MISSING';

  constructor(uri: string, cause: unknown) {
    super(`${uri} does not exist: the output of an earlier block was deleted. Start a new run of the range.`, {
      cause,
    });
  }
}

/** The input or the arguments of a run are wrong. A retry does not help. */
export class BatchInputError extends OrderstreamError {
  readonly code = 'BATCH_INPUT_INVALID';
}

/** Too many rows were rejected. */
export class RejectThresholdError extends OrderstreamError {
  readonly code = 'BATCH_THRESHOLD_EXCEEDED';
}

/** Another run holds the range, or a part of it. */
export class RangeLockedError extends OrderstreamError {
  readonly code = 'BATCH_RANGE_LOCKED';

  constructor(
    table: string,
    range: string,
    /** The run that holds it. */
    readonly holder: string,
    until: string,
  ) {
    super(
      `${table} ${range} is being replaced by run ${holder}, whose lease ends ${until} unless it is renewed. ` +
        `Wait for that run, or cancel it: npm run batch -- runs cancel ${holder}`,
      { retriable: true },
    );
  }
}

/** The lease on the range is lost: another run may hold it. */
export class LeaseLostError extends OrderstreamError {
  readonly code = 'BATCH_LEASE_LOST';
}

/** What is in the warehouse is not what the run has sent. */
export class StageMismatchError extends OrderstreamError {
  readonly code = 'BATCH_STAGE_MISMATCH';
}

/** A job of BigQuery ended with an error. */
export class WarehouseJobError extends OrderstreamError {
  readonly code = 'BATCH_JOB_FAILED';
}

/** An operator has cancelled the run. */
export class RunCancelledError extends OrderstreamError {
  readonly code = 'BATCH_RUN_CANCELLED';
}

/** There is no such run, or it cannot do that now. */
export class RunRejectedError extends OrderstreamError {
  readonly code = 'BATCH_RUN_REJECTED';
}

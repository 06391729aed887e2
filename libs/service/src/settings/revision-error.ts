import { type ErrorCode, OrderstreamError } from '@orderstream/errors';

/** The subject has changed since the caller has read it. Nothing was changed. */
export class RevisionStaleError extends OrderstreamError {
  readonly code = 'REVISION_STALE' satisfies ErrorCode;

  constructor(
    subject: string,
    readonly expected: number,
    readonly current: number,
    changedBy: string | undefined,
  ) {
    const by = changedBy === undefined ? '' : `, set by ${changedBy}`;
    super(
      `${subject} has the revision ${String(current)}${by}, not ${String(expected)}. Nothing was changed: read it again, and decide again.`,
    );
  }
}

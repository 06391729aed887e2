import { type AppendErrorReason } from '@orderstream/bigquery';
import { OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition } from '@orderstream/kafka';

import type { Rejection } from './rejected-run';

/** Recovery cannot determine which rows are durable. The partition stops instead of guessing. */
export class RecoveryAmbiguousError extends OrderstreamError {
  override readonly code = 'RECOVERY_AMBIGUOUS';
}

/** BigQuery or the encoder rejects row after row. The records are not the cause, so the partition stops. */
export class RowsRejectedError extends OrderstreamError {
  override readonly code = 'ROWS_REJECTED';

  /** @param next the rejection behind those that were dead-lettered */
  constructor(partition: TopicPartition, count: number, next: Rejection) {
    const { code, path = '', constraint = '' } = next.reason;
    super(
      `${partitionName(partition)} stopped: ${String(count)} records were rejected without an accepted one between ` +
        `them, and offset ${String(next.record.offset)} is rejected, too ` +
        `(${[code, path, constraint].filter((text) => text !== '').join(': ')}). Compare the table with its contract, ` +
        'then `POST /admin/resume`. If the records are wrong, each resume dead-letters the next ' +
        `${String(count)} (docs/sink-protocol.md).`,
    );
  }
}

/**
 * BigQuery rejects the row of a dead letter. There is no dead letter of a dead letter: it is sent again, and in the end the
 * partition stops.
 */
export class LetterRejectedError extends OrderstreamError {
  override readonly code = 'ROWS_REJECTED';
  readonly offset: number;

  constructor({ topic, partition }: TopicPartition, { record, reason }: Rejection) {
    const { code, path = '', constraint = '' } = reason;
    const next = String(record.offset + 1);
    super(
      `${partitionName({ topic, partition })} stopped: the row of offset ${String(record.offset)} is rejected ` +
        `(${[code, path, constraint].filter((text) => text !== '').join(': ')}), and a dead letter has no dead letter. Compare ` +
        'the table dead_letters with its contract, then `POST /admin/resume`. To leave this one out of the table, run ' +
        `\`npm run set-position -- bq-sink --topic ${topic} --partition ${String(partition)} --to ${next}\` first ` +
        '(docs/sink-protocol.md#dead-letters-in-the-warehouse).',
    );
    this.offset = record.offset;
  }
}

/** The append that failed. */
export interface FailedAppend {
  readonly rows: number;
  /** Offset of its first record. */
  readonly offset: number;
  /** No other append was in flight. */
  readonly isAlone: boolean;
}

/** An append failed or its outcome is unknown. The partition opens again, and recovery counts the durable rows. */
export class AppendFailedError extends OrderstreamError {
  override readonly code = 'APPEND_FAILED';

  constructor(
    message: string,
    readonly reason: AppendErrorReason,
    readonly append?: FailedAppend,
  ) {
    super(message, { retriable: true });
  }
}

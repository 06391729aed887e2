import type { protos } from '@google-cloud/bigquery-storage';

import type { Row } from './row-decoder';
import { StorageErrorCode } from './status';
import type { Table } from './table';

export type StreamType = 'COMMITTED' | 'PENDING' | 'DEFAULT';

/** Finds streams by name. */
export interface StreamSource {
  /** Whether rows are decoded, checked and stored, or only counted. */
  readonly storeRows: boolean;
  /** @throws WriteApiError NOT_FOUND */
  stream(name: string): WriteStream;
}

/** A write stream. Rows of a PENDING stream are not in the table before the commit. */
export class WriteStream {
  rowCount = 0;
  finalized = false;
  usedAtMs: number;
  committedAtMs: number | undefined;
  private pending: Row[] = [];

  constructor(
    readonly name: string,
    readonly table: Table,
    readonly type: StreamType,
    readonly createdAtMs: number,
  ) {
    this.usedAtMs = createdAtMs;
    this.committedAtMs = type === 'PENDING' ? undefined : createdAtMs;
  }

  /** @param rows empty if rows are only counted */
  land(rowCount: number, rows: readonly Row[]): void {
    const target = this.type === 'PENDING' ? this.pending : this.table.rows;
    for (const row of rows) target.push(row);
    this.rowCount += rowCount;
  }

  /** Why the stream cannot be committed, or undefined. */
  commitError(): protos.google.cloud.bigquery.storage.v1.IStorageError | undefined {
    const entity = this.name;
    if (this.type !== 'PENDING') {
      return { code: StorageErrorCode.INVALID_STREAM_TYPE, entity, errorMessage: 'Stream is not PENDING' };
    }
    if (this.committedAtMs !== undefined) {
      return { code: StorageErrorCode.STREAM_ALREADY_COMMITTED, entity, errorMessage: 'Stream is committed' };
    }
    if (!this.finalized) {
      return { code: StorageErrorCode.INVALID_STREAM_STATE, entity, errorMessage: 'Stream is not finalized' };
    }
    return undefined;
  }

  commit(nowMs: number): void {
    for (const row of this.pending.splice(0)) this.table.rows.push(row);
    this.committedAtMs = nowMs;
  }
}

export { type BigQueryConnection, createBigQuery, createWriteClient } from './clients';
export { type BigQueryCallCode, BigQueryCallError, SchemaBehindError } from './errors';
export { ensureDataset, ensureTables, type TableReport } from './tables';
export { queryFresh, type QueryRow } from './query';
export { RowBuffer } from './row-buffer';
export { type RowColumns, RowEncoder, type RowNotEncodable } from './row-encoder';
export { type AppendErrorReason, type AppendOutcome, type RejectedRow } from './append-outcome';
export { AppendConnection, type AppendConnectionOptions, type AppendStream } from './append-connection';
export { type Finalized, type TableRef, WriteStreams } from './write-streams';

import { setTimeout as delay } from 'node:timers/promises';

import { createWriteClient, WriteStreams } from '@orderstream/bigquery';
import {
  envelopeHeaders,
  EVENT_CONTRACTS,
  METADATA_COLUMNS,
  tableForFamily,
  validatedTopic,
} from '@orderstream/contracts';
import type { BatchOutcome, KafkaRecord, OutputRecord, RecordBatch } from '@orderstream/kafka';

import { MemoryBackend, type MemoryBackendOptions } from '../../../test/write-api-server/src/memory-backend';
import { WriteApiServer } from '../../../test/write-api-server/src/write-api-server';
import { FailurePolicy } from '../src/failure-policy';
import { NO_FAULTS } from '../src/streams/fault-points';
import { PartitionSink } from '../src/streams/partition-sink';
import { RowMapper } from '../src/streams/row-mapper';
import type { SinkLimits } from '../src/streams/sink-parts';
import { SILENT_OBSERVER } from './silent-observer';

const PARTITION = { topic: validatedTopic('orders'), partition: 0 };

const TABLE = { project: 'test-project', dataset: 'd', table: 'order_events' };
const PATH = 'projects/test-project/datasets/d/tables/order_events';
const BODY = Object.fromEntries(
  (EVENT_CONTRACTS.get('order.placed')?.columns ?? []).map(({ name, example }) => [name, example]),
);
const HEADERS = envelopeHeaders({ id: '1', type: 'order.placed', source: 'test', time: '2026-01-02T03:04:05.678Z' });

const LIMITS: SinkLimits = {
  lingerMs: 10,
  maxBatchRows: 100,
  maxBatchBytes: 1_000_000,
  maxInFlight: 3,
  commitIntervalMs: 10,
  idleFinalizeMs: 60_000,
  fallbackWaitMs: 0,
};

export interface ServedPartitionOptions extends MemoryBackendOptions {
  readonly limits?: Partial<SinkLimits>;
  /** Columns that the table has not got. */
  readonly without?: readonly string[];
  readonly appendTimeoutMs?: number;
}

/** A partition's sink on the Write API server of the tests, with a group coordinator in memory. */
export class ServedPartition {
  readonly backend: MemoryBackend;
  readonly server: WriteApiServer;
  readonly deadLetters: OutputRecord[] = [];
  /** Offsets, in the order of the commits. */
  readonly commits: number[] = [];
  readonly interruptions: BatchOutcome[] = [];
  committed: { offset: number | undefined; metadata: string | undefined } = { offset: undefined, metadata: undefined };
  logStart = 0;
  /** A sink waits for what may still land in a stream that is gone. */
  isWaiting = false;
  private readonly mapper = new RowMapper('orders');
  private readonly sinks: PartitionSink[] = [];
  private streams: WriteStreams | undefined;
  private epoch = 0;

  constructor(private readonly options: ServedPartitionOptions = {}) {
    this.backend = new MemoryBackend(options);
    this.server = new WriteApiServer({ backend: this.backend });
    const columns = [...tableForFamily('orders').columns, ...METADATA_COLUMNS];
    this.backend.createTable(
      PATH,
      columns.filter(({ name }) => options.without?.includes(name) !== true),
    );
  }

  async start(): Promise<void> {
    const grpcEndpoint = await this.server.start();
    this.streams = new WriteStreams(createWriteClient({ ...TABLE, location: 'US', grpcEndpoint }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.sinks.map((sink) => sink.close()));
    await this.streams?.close();
    await this.server.stop();
  }

  /** The table learns the columns that it was made without. */
  addMissingColumns(): void {
    const { without } = this.options;
    this.backend.addColumns(
      PATH,
      tableForFamily('orders').columns.filter(({ name }) => without?.includes(name)),
    );
  }

  /** A new owner; the former one can commit nothing any more. */
  openSink(): PartitionSink {
    const { streams, mapper } = this;
    if (streams === undefined) throw new Error('not started');
    const limits = { ...LIMITS, ...this.options.limits };
    const { appendTimeoutMs = 10_000 } = this.options;
    const policy = new FailurePolicy(900_000, () => Date.now());
    const sink = new PartitionSink({
      partition: PARTITION,
      limits,
      mapper,
      warehouse: {
        createStream: () => streams.create(TABLE, mapper.columns),
        finalize: (stream) => streams.finalize(stream),
        connect: (stream) =>
          streams.connect({ stream, schema: mapper.schema, appendTimeoutMs, maxInFlight: limits.maxInFlight }),
        lastOffset: () => Promise.resolve(this.offsets().at(-1)),
      },
      openTransactions: () => {
        const epoch = ++this.epoch;
        return Promise.resolve({
          committed: this.committed,
          commit: ({ records, offset, metadata }) => {
            if (epoch !== this.epoch) return Promise.reject(new Error('fenced'));
            this.deadLetters.push(...records);
            this.commits.push(offset);
            this.committed = { offset, metadata };
            return Promise.resolve();
          },
          close: () => Promise.resolve(),
        });
      },
      logBounds: () => Promise.resolve({ start: this.logStart, end: 1_000_000 }),
      delay: (ms, signal) => {
        this.isWaiting = true;
        return delay(ms, undefined, { signal });
      },
      now: () => new Date(),
      faults: NO_FAULTS,
      observer: SILENT_OBSERVER,
      outcomeOf: (cause) => policy.outcomeOf(cause),
      interrupt: (outcome) => this.interruptions.push(outcome),
    });
    this.sinks.push(sink);
    return sink;
  }

  /** Offsets of the table's rows, in the order in which they landed. */
  offsets(): number[] {
    return [...this.backend.tables.values()].flatMap(({ rows }) => rows.map((row) => Number(row._kafka_offset)));
  }

  /** Offsets of the dead letters, in the order of their commits. */
  dead(): number[] {
    return this.deadLetters.map(({ headers }) => Number(headers['dlq-source-offset']));
  }
}

/** Records of the log; `change` may spoil the body of the one at an offset. */
export function recordsFrom(
  from: number,
  count: number,
  change: (offset: number) => Record<string, unknown> = () => ({}),
): RecordBatch {
  const records = Array.from({ length: count }, (_, index): KafkaRecord => ({
    ...PARTITION,
    offset: from + index,
    timestamp: 0,
    key: null,
    value: Buffer.from(JSON.stringify({ ...BODY, ...change(from + index) })),
    headers: HEADERS,
  }));
  return { ...PARTITION, records, nextOffset: from + count, highWatermark: from + count };
}

/** Resolves when it is so; fails after 20 s. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`after 20 s still not: ${what}`);
    await delay(5);
  }
}

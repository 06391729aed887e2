import { setTimeout as delay } from 'node:timers/promises';

import { createWriteClient, WriteStreams } from '@orderstream/bigquery';
import {
  envelopeHeaders,
  EVENT_CONTRACTS,
  METADATA_COLUMNS,
  tableForFamily,
  validatedTopic,
} from '@orderstream/contracts';
import { type FailureOutcome, type KafkaRecord, type OutputRecord, type RecordBatch } from '@orderstream/kafka';
import { Metrics, RecordLog } from '@orderstream/observability';

import { everyStep } from '../../../test/support/every-step';
import { MemoryBackend, type MemoryBackendOptions } from '../../../test/write-api-server/src/memory-backend';
import type { Row } from '../../../test/write-api-server/src/row-decoder';
import type { TableColumn } from '../../../test/write-api-server/src/table';
import { WriteApiServer } from '../../../test/write-api-server/src/write-api-server';
import { FailurePolicy, reasonOf } from '../src/failure-policy';
import { SinkMetrics } from '../src/sink-metrics';
import { NO_FAULTS } from '../src/streams/fault-points';
import { PartitionSink } from '../src/streams/partition-sink';
import { RowMapper } from '../src/streams/row-mapper';
import type { SinkLimits } from '../src/streams/sink-dependencies';
import type { Appender, Warehouse } from '../src/streams/warehouse';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

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
  /** Columns that others have added to the table. */
  readonly foreign?: readonly TableColumn[];
  /** Columns that the table lacks. */
  readonly without?: readonly string[];
  readonly appendTimeoutMs?: number;
  readonly schemaTimeoutMs?: number;
  /** Wraps each connection of the sink. */
  readonly wrap?: (appender: Appender) => Appender;
}

/** Sinks of one partition on the tests' Write API server, with a coordinator in memory. */
export class ServedPartition {
  readonly backend: MemoryBackend;
  readonly server: WriteApiServer;
  readonly deadLetters: OutputRecord[] = [];
  /** The committed offsets, in order. */
  readonly commits: number[] = [];
  /** The offsets of the commits with dead letters, in order. */
  readonly deadLetterCommits: number[] = [];
  readonly interruptions: FailureOutcome[] = [];
  readonly metrics = new Metrics({ app: 'bq-sink', processMetrics: false });
  committed: { offset: number | undefined; metadata: string | undefined } = { offset: undefined, metadata: undefined };
  logStart = 0;
  /** The clock of the Write API server. Only tests advance it. */
  clockMs = Date.now();
  /** Number of failures of all sinks. */
  failures = 0;
  /** A sink waits before the fallback query. */
  isWaiting = false;
  private readonly mapper = new RowMapper('orders');
  private readonly sinks: PartitionSink[] = [];
  private readonly policy: FailurePolicy;
  private readonly limits: SinkLimits;
  private readonly sinkMetrics = new SinkMetrics(this.metrics, new RecordLog({ info: () => undefined }), () => []);
  private streams: WriteStreams | undefined;
  private producerEpoch = 0;

  constructor(private readonly options: ServedPartitionOptions = {}) {
    this.backend = new MemoryBackend({ now: () => this.clockMs, ...options });
    this.limits = { ...LIMITS, ...options.limits };
    this.policy = new FailurePolicy(options.schemaTimeoutMs ?? 900_000, () => Date.now());
    this.server = new WriteApiServer({ backend: this.backend });
    const columns = [...tableForFamily('orders').columns, ...METADATA_COLUMNS];
    this.backend.createTable(PATH, [
      ...columns.filter(({ name }) => options.without?.includes(name) !== true),
      ...(options.foreign ?? []),
    ]);
  }

  async start(): Promise<void> {
    const grpcEndpoint = await this.server.start();
    this.streams = new WriteStreams(createWriteClient({ ...TABLE, location: 'US', grpcEndpoint }));
  }

  async stop(): Promise<void> {
    await everyStep(
      ...this.sinks.map((sink) => () => sink.close()),
      () => this.streams?.close(),
      () => this.server.stop(),
    );
  }

  /** Adds the missing columns to the table. */
  addMissingColumns(): void {
    const { without } = this.options;
    this.backend.addColumns(
      PATH,
      tableForFamily('orders').columns.filter(({ name }) => without?.includes(name)),
    );
  }

  /** Lets appends use all columns of the table from now on. */
  propagateColumns(): void {
    this.backend.table(PATH).propagate();
  }

  /** The table and its streams. */
  warehouse(): Warehouse {
    const { streams, mapper, limits } = this;
    if (streams === undefined) throw new Error('not started');
    const { appendTimeoutMs = 10_000, wrap = (appender) => appender } = this.options;
    return {
      createStream: () => streams.create(TABLE, mapper.columns),
      finalize: (stream) => streams.finalize(stream),
      connect: async (stream) =>
        wrap(
          await streams.connect({ stream, schema: mapper.schema, appendTimeoutMs, maxInFlight: limits.maxInFlight }),
        ),
      lastOffset: () => Promise.resolve(this.offsets().at(-1)),
    };
  }

  /** Creates a new owner. When it opens, it fences the former one. */
  openSink(): PartitionSink {
    const { policy, mapper, limits } = this;
    const sink = new PartitionSink({
      partition: PARTITION,
      limits: {
        ...limits,
        get maxInFlight() {
          return policy.maxInFlight(limits.maxInFlight);
        },
        get maxBatchRows() {
          return policy.maxBatchRows(limits.maxBatchRows);
        },
      },
      mapper: { encode: (record, rows) => policy.rejectionOf(record) ?? mapper.encode(record, rows) },
      warehouse: this.warehouse(),
      openTransactions: () => {
        const producerEpoch = ++this.producerEpoch;
        return Promise.resolve({
          committed: this.committed,
          commit: ({ records, offset, metadata }) => {
            if (producerEpoch !== this.producerEpoch) return Promise.reject(new Error('fenced'));
            if (records.length > 0) this.deadLetterCommits.push(offset);
            this.deadLetters.push(...records);
            this.commits.push(offset);
            this.committed = { offset, metadata };
            return Promise.resolve();
          },
          assertCurrent: () => Promise.resolve(),
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
      deadLetters: true,
      observer: this.sinkMetrics.observerFor('orders', policy),
      outcomeOf: (cause) => this.outcomeOf(cause),
      interrupt: (outcome) => this.interruptions.push(outcome),
    });
    this.sinks.push(sink);
    return sink;
  }

  /**
   * Passes the log up to `end` to one owner after the other, as the partition task does but without its waits, until all
   * of it is committed or the partition stops.
   * @returns the outcomes of all failures
   */
  async run(end: number, change?: Change): Promise<readonly FailureOutcome[]> {
    const failures: FailureOutcome[] = [];
    while (failures.length < 500) {
      const ending = await this.own(end, change);
      if (ending.kind === 'ack') return failures;
      failures.push(ending);
      if (ending.kind === 'stop') return failures;
      await delay(20);
    }
    throw new Error(`after 500 failures ${String(this.committed.offset)} of ${String(end)} records are committed`);
  }

  /** Runs one owner until it fails or everything is committed. */
  private async own(end: number, change?: Change): Promise<FailureOutcome | { kind: 'ack' }> {
    const sink = this.openSink();
    const failed = this.interruptions.length;
    try {
      for (let at = await sink.open(); at < end;) {
        const batch = recordsFrom(at, Math.min(100, end - at), change);
        const outcome = await sink.take(batch);
        if (outcome.kind !== 'ack') return outcome;
        at = batch.nextOffset;
      }
      await waitUntil(() => sink.describe().committed >= end || this.interruptions.length > failed, {
        what: 'everything is committed',
        deadlineMs: WAIT_MS,
      });
      return this.interruptions[failed] ?? { kind: 'ack' };
    } catch (error) {
      if (sink.state !== 'opening') throw error;
      return this.outcomeOf(error);
    } finally {
      await sink.close();
    }
  }

  /** Finalizes the stream, as another owner does. */
  async finalize(stream: string): Promise<void> {
    await this.streams?.finalize(stream);
  }

  private outcomeOf(cause: unknown): FailureOutcome {
    this.failures++;
    this.sinkMetrics.failed('orders', reasonOf(cause));
    return this.policy.outcomeOf(cause);
  }

  /** The value of a metric: the sum of the series with these labels; 0 if there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const [found] = (await this.metrics.registry.getMetricsAsJSON()).filter((each) => name.startsWith(each.name));
    const values: readonly { value: number; metricName?: string; labels: Partial<Record<string, string | number>> }[] =
      found?.values ?? [];
    return values
      .filter((each) => (each.metricName ?? found?.name) === name)
      .filter((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The rows of the table, in the order in which they landed. */
  rows(): readonly Row[] {
    return this.backend.table(PATH).rows;
  }

  /** The offsets of the rows, in the order in which they landed. */
  offsets(): number[] {
    return this.rows().map((row) => Number(row._kafka_offset));
  }

  /** The offsets of the dead letters, in the order of their commits. */
  dead(): number[] {
    return this.deadLetters.map(({ headers }) => Number(headers['dlq-source-offset']));
  }
}

/** Returns the fields to replace in `BODY` for the record at an offset. */
type Change = (offset: number) => Record<string, unknown>;

/** A batch of the log, with changed bodies where `change` returns fields. */
export function recordsFrom(from: number, count: number, change: Change = () => ({})): RecordBatch {
  const records = Array.from({ length: count }, (_, index): KafkaRecord => ({
    ...PARTITION,
    offset: from + index,
    timestamp: 0,
    key: null,
    value: Buffer.from(JSON.stringify({ ...BODY, ...change(from + index) })),
    headers: HEADERS,
  }));
  return { ...PARTITION, records, nextOffset: from + count };
}

import { randomUUID } from 'node:crypto';

import {
  createBigQuery,
  createWriteClient,
  ensureDataset,
  ensureTables,
  queryFresh,
  WriteStreams,
} from '@orderstream/bigquery';
import {
  deadLetterTopic,
  envelopeHeaders,
  EVENT_CONTRACTS,
  parkedTopic,
  retryTopic,
  tableForFamily,
  TABLES,
  type TableSpec,
} from '@orderstream/contracts';
import {
  type BatchContext,
  type BatchOutcome,
  createKafka,
  ensureTopics,
  type FailureOutcome,
  fetchEndOffsets,
  fetchLogBounds,
  fetchUnreadableBatch,
  KafkaBatchServer,
  type KafkaRecord,
  type OutputRecord,
  PartitionTransactions,
  readPartition,
  type RecordBatch,
  RecordProducer,
  retry,
  type TopicPartition,
} from '@orderstream/kafka';

import { waitUntil } from '@orderstream/deadlines';
import { everyStep } from '../../../test/support/every-step';
import { readCommitted } from '../../../test/support/read-committed';
import type { FailurePolicy } from '../src/failure-policy';
import { type PositionTarget, setPosition, type SetPositionReport } from '../src/positions/set-position';
import { LetterMapper } from '../src/dead-letters/letter-mapper';
import { PartitionSinks } from '../src/partition-sinks';
import type { SinkSource } from '../src/sink-topics';
import { BigQueryWarehouse } from '../src/streams/bigquery-warehouse';
import { NO_FAULTS } from '../src/streams/fault-points';
import { PartitionSink } from '../src/streams/partition-sink';
import { RowMapper } from '../src/streams/row-mapper';
import type { PartitionSinkDependencies, SinkLimits, Transactions } from '../src/streams/sink-dependencies';
import type { TableRows, Warehouse } from '../src/streams/warehouse';
import { SILENT_OBSERVER } from './silent-observer';

const LIMITS: SinkLimits = {
  lingerMs: 5,
  maxBatchRows: 20,
  maxBatchBytes: 1_000_000,
  maxInFlight: 3,
  commitIntervalMs: 30,
  idleFinalizeMs: 60_000,
  fallbackWaitMs: 0,
};

const DEAD_LETTERS_TABLE = TABLES.dead_letters as TableSpec;

function endpoint(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** A sink that owns the partition, as in a process of its own. */
export interface Owner {
  readonly sink: PartitionSink;
  /** First offset to read. */
  readonly from: number;
  /** Failures that it reported by `interrupt`. */
  readonly interruptions: readonly FailureOutcome[];
  /** Number of durable rows whose records it has skipped so far. */
  readonly skipped: () => number;
}

/** What the sink reads: validated records, their retry topic, or the dead letters of the sink itself. */
type Kind = SinkSource['kind'];

const topicOf = (kind: Kind, source: string): string => {
  if (kind === 'validated') return source;
  return kind === 'retry' ? retryTopic(source, 'bq-sink') : deadLetterTopic(source, 'bq-sink');
};

/** A topic with one partition on the real broker, and its table in the BigQuery emulator. */
export class LivePartition {
  readonly topic: string;
  readonly partition: TopicPartition;
  private readonly groupId: string;
  private readonly table: TableSpec;
  private readonly mapper: RowMapper | LetterMapper;
  private readonly connection = {
    project: endpoint('TEST_BIGQUERY_PROJECT'),
    dataset: '',
    location: 'US',
    apiEndpoint: endpoint('TEST_BIGQUERY_API_ENDPOINT'),
    grpcEndpoint: endpoint('TEST_BIGQUERY_GRPC_ENDPOINT'),
  };
  private readonly kafka = createKafka({
    brokers: endpoint('TEST_KAFKA_BROKERS').split(','),
    clientId: 'sink-int-spec',
  });
  private readonly bigquery = createBigQuery(this.connection);
  private readonly streams = new WriteStreams(createWriteClient(this.connection));
  private readonly producer = new RecordProducer(this.kafka, { maxRequestBytes: 1_000_000 });
  private readonly owners: PartitionSink[] = [];
  private readonly servers: KafkaBatchServer[] = [];
  private readonly opened: Promise<Transactions>[] = [];

  /** @param source the validated topic; a new one by default */
  constructor(
    private readonly kind: Kind = 'validated',
    private readonly source = `test.sink.${randomUUID().slice(0, 8)}.validated.v1`,
  ) {
    this.topic = topicOf(kind, source);
    this.partition = { topic: this.topic, partition: 0 };
    this.groupId = `${this.topic}.group`;
    this.table = kind === 'dead-letters' ? DEAD_LETTERS_TABLE : tableForFamily('orders');
    this.mapper = kind === 'dead-letters' ? new LetterMapper('bq-sink') : new RowMapper('orders', kind);
    // The partitions of a source share their tables.
    this.connection.dataset = source.replaceAll(/[^a-z0-9]/g, '_');
  }

  /** Another partition that the sink reads, of the same source. @param table in place of the table of the contract */
  async also(kind: Kind, table?: TableSpec): Promise<LivePartition> {
    const other = new LivePartition(kind, this.source);
    await other.setUp(table);
    return other;
  }

  async setUp(table = this.table): Promise<void> {
    await this.createTopics();
    await this.producer.connect();
    await ensureTables(await ensureDataset(this.bigquery, this.connection.dataset, 'US'), [table]);
  }

  /** Runs the statement that the start of the sink logs. @returns the columns that it adds */
  async addMissingColumns(): Promise<readonly string[]> {
    const [report] = await ensureTables(this.bigquery.dataset(this.connection.dataset), [this.table]);
    if (report?.addColumns === undefined) throw new Error('the table lacks no column');
    await this.bigquery.query({ query: report.addColumns });
    return report.missingColumns;
  }

  private get topics(): readonly string[] {
    const letters = topicOf('dead-letters', this.source);
    return [...new Set([this.topic, letters, parkedTopic(letters)])];
  }

  private async createTopics(): Promise<void> {
    const specs = this.topics.map((name) => ({
      name,
      partitions: 1,
      cleanup: 'delete' as const,
      retentionMs: 3_600_000,
      maxMessageBytes: 4_194_304,
      timestamps: 'CreateTime' as const,
    }));
    await ensureTopics(this.kafka, specs, { replication: 1 });
  }

  /** Closes and deletes everything that the test created, also after a failure. */
  async tearDown(): Promise<void> {
    const admin = this.kafka.admin();
    await everyStep(
      ...[...this.servers, ...this.owners].map((owner) => () => owner.close()),
      ...this.opened.map((opening) => async () => {
        const transactions = await opening.catch(() => undefined);
        await transactions?.close();
      }),
      () => this.producer.disconnect(),
      () => this.streams.close(),
      async () => {
        await admin.connect();
        const existing = new Set(await admin.listTopics());
        await admin.deleteTopics({ topics: this.topics.filter((name) => existing.has(name)) });
      },
      () => admin.disconnect(),
      // The partitions of a source share it.
      async () => {
        const dataset = this.bigquery.dataset(this.connection.dataset);
        const [exists] = await dataset.exists();
        if (exists) await dataset.delete({ force: true });
      },
    );
  }

  /** Produces orders. `change` returns the fields to replace in the body of the order with this index. */
  async produce(count: number, change: (index: number) => Record<string, unknown> = () => ({})): Promise<void> {
    const contract = EVENT_CONTRACTS.get('order.placed');
    const example = Object.fromEntries((contract?.columns ?? []).map(({ name, example: value }) => [name, value]));
    await this.producer.send(
      Array.from({ length: count }, (_, index) => {
        const id = randomUUID();
        return {
          ...this.partition,
          key: Buffer.from(id),
          value: Buffer.from(JSON.stringify({ ...example, event_id: id, ...change(index) })),
          headers: envelopeHeaders({ id, type: 'order.placed', source: 'test', time: '2026-01-02T03:04:05.678Z' }),
        };
      }),
    );
  }

  /** Writes records to the partition, as another program does. */
  async send(records: readonly Omit<OutputRecord, keyof TopicPartition>[]): Promise<void> {
    await this.producer.send(records.map((record) => ({ ...record, ...this.partition })));
  }

  /** Opens a new owner, as after an assignment. */
  async open(warehouse: Partial<Warehouse> = {}): Promise<Owner> {
    const interruptions: FailureOutcome[] = [];
    let skipped = 0;
    const emulated = this.warehouse();
    const sink = this.createSink(
      {
        createStream: () => emulated.createStream(),
        finalize: (stream) => emulated.finalize(stream),
        connect: (stream) => emulated.connect(stream),
        lastOffset: (from) => emulated.lastOffset(from),
        ...warehouse,
      },
      {
        outcomeOf: (cause) => retry(0, cause),
        interrupt: (outcome) => interruptions.push(outcome),
        observer: {
          ...SILENT_OBSERVER,
          skipped: (rows) => {
            skipped += rows;
          },
        },
      },
    );
    this.owners.push(sink);
    return { sink, from: await sink.open(), interruptions, skipped: () => skipped };
  }

  /** Moves the partition as the command does. */
  move(target: PositionTarget): Promise<SetPositionReport> {
    return setPosition({
      partition: this.partition,
      target,
      deadLetters: true,
      warehouse: this.warehouse(),
      openTransactions: () => this.openTransactions(),
      logBounds: async () => ({ start: 0, end: (await fetchEndOffsets(this.kafka, this.topic))[0] ?? 0 }),
      unreadableBatch: (offset) => fetchUnreadableBatch(this.kafka, this.partition, offset),
      now: () => new Date(),
      wait: () => Promise.resolve(),
    });
  }

  /** Deletes the topic, and creates one of the same name. */
  async recreateTopic(): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [this.topic] });
    await waitUntil(async () => !(await admin.listTopics()).includes(this.topic), {
      what: 'the topic to be deleted',
      deadlineMs: 20_000,
    });
    await admin.disconnect();
    await this.createTopics();
  }

  /**
   * Deletes the rows of the partition, as an operator does before a new log of the same name is read.
   * @param which a condition of SQL: those of an erased customer
   */
  async deleteRows(which = 'TRUE'): Promise<void> {
    const table = `\`${this.connection.dataset}.order_events\``;
    await this.bigquery.query({ query: `DELETE FROM ${table} WHERE _kafka_topic = '${this.topic}' AND ${which}` });
  }

  /** Removes the records below an offset, as the retention of the topic does. */
  async expireBelow(offset: number): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    // Loads the metadata, without which kafkajs cannot delete.
    await admin.fetchTopicOffsets(this.topic);
    await admin.deleteTopicRecords({ topic: this.topic, partitions: [{ partition: 0, offset: String(offset) }] });
    await admin.disconnect();
  }

  warehouse(): BigQueryWarehouse {
    return new BigQueryWarehouse({
      bigquery: this.bigquery,
      streams: this.streams,
      table: { ...this.connection, table: this.table.table },
      rows: this.tableRows(),
      mapper: this.mapper,
      appendTimeoutMs: 10_000,
      maxInFlight: LIMITS.maxInFlight,
    });
  }

  private tableRows(): TableRows {
    const { kind, partition, source } = this;
    const { partitionField } = this.table;
    if (kind === 'validated') return { kind: 'own', ...partition, partitionField };
    if (kind === 'dead-letters') return { kind: 'letters', ...partition, partitionField };
    return { kind: 'retried', ...partition, topic: source, partitionField };
  }

  /** Serves the partition with a KafkaBatchServer, as the service does. */
  async serve(warehouse: Warehouse, policy: FailurePolicy): Promise<KafkaBatchServer> {
    const outcomeOf = (cause: unknown): FailureOutcome => policy.outcomeOf(cause);
    const sinks: PartitionSinks = new PartitionSinks(
      (partition) =>
        this.createSink(warehouse, {
          observer: SILENT_OBSERVER,
          outcomeOf,
          interrupt: (outcome) => {
            server.interrupt(partition, outcome);
          },
        }),
      (_, cause) => outcomeOf(cause),
    );
    const server = new KafkaBatchServer({
      kafka: this.kafka,
      groupId: this.groupId,
      hooks: sinks,
      sessionTimeoutMs: 6_000,
      maxRetryMs: 100,
    });
    server.addHandler(
      this.topic,
      (batch: RecordBatch, { signal }: BatchContext) => sinks.take(this.partition, batch, signal),
      true,
    );
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.listen((error) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('the server does not listen', { cause: error }));
      });
    });
    return server;
  }

  private createSink(
    warehouse: Warehouse,
    task: Pick<PartitionSinkDependencies, 'outcomeOf' | 'interrupt' | 'observer'>,
  ): PartitionSink {
    return new PartitionSink({
      partition: this.partition,
      limits: LIMITS,
      mapper: this.mapper,
      warehouse,
      openTransactions: () => this.openTransactions(),
      logBounds: async () => {
        const { beginnings, ends } = await fetchLogBounds(this.kafka, this.topic);
        return { start: beginnings[0] ?? 0, end: ends[0] ?? 0 };
      },
      delay: () => Promise.resolve(),
      now: () => new Date(),
      faults: NO_FAULTS,
      deadLetters: this.kind !== 'dead-letters',
      ...task,
    });
  }

  openTransactions(): Promise<Transactions> {
    const opening = PartitionTransactions.open(this.kafka, {
      groupId: this.groupId,
      ...this.partition,
      transactionTimeoutMs: 10_000,
    });
    this.opened.push(opening);
    return opening;
  }

  /** Passes the log to an owner, from its first offset to read. Returns its last outcome. */
  async feed({ sink, from }: Owner): Promise<BatchOutcome> {
    let last: BatchOutcome = { kind: 'ack' };
    await readPartition(this.kafka, { ...this.partition, from, until: 'end' }, async (batch) => {
      if (last.kind === 'ack') last = await sink.take(batch);
    });
    return last;
  }

  /** Waits until the owner has committed the end of the log. */
  async settled({ sink }: Owner): Promise<void> {
    const [end] = await fetchEndOffsets(this.kafka, this.topic);
    const deadline = Date.now() + 20_000;
    while (sink.describe().committed !== end) {
      if (Date.now() > deadline) throw new Error(`not settled within 20 s: ${JSON.stringify(sink.describe())}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until the table has this number of rows. */
  async landed(count: number): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (let rows = await this.rows(); rows.length !== count; rows = await this.rows()) {
      if (Date.now() > deadline) throw new Error(`after 20 s the table has ${String(rows.length)} rows`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Copies the row of an offset. `replace`: the new column values, as in SELECT * REPLACE. */
  async copyRow(offset: number, replace: string): Promise<void> {
    const table = `\`${this.connection.dataset}.order_events\``;
    await this.bigquery.query({
      query: `INSERT INTO ${table} SELECT * REPLACE (${replace}) FROM ${table} WHERE _kafka_offset = ${String(offset)}`,
    });
  }

  /** Waits until the sink has failed. */
  async failed({ sink }: Owner): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (sink.state !== 'failed') {
      if (Date.now() > deadline) throw new Error(`not failed within 20 s: ${JSON.stringify(sink.describe())}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The offset of each row, ascending. */
  async rows(): Promise<number[]> {
    const rows = await queryFresh(
      this.bigquery,
      `SELECT _kafka_offset AS o FROM \`${this.connection.dataset}.${this.table.table}\`
       WHERE _kafka_topic = @topic ORDER BY o`,
      { topic: this.tableRows().topic },
    );
    return rows.map((row) => Number(row.o));
  }

  /** Columns of each row of the table, in the order of one of them. */
  async select<T>(columns: string, orderBy: string): Promise<T[]> {
    const table = `\`${this.connection.dataset}.${this.table.table}\``;
    return (await queryFresh(this.bigquery, `SELECT ${columns} FROM ${table} ORDER BY ${orderBy}`, {})) as T[];
  }

  /** Committed dead letters: source offset and reason. */
  async deadLetters(): Promise<[offset: number, reason: string][]> {
    return (await this.letters()).map(({ headers }) => [
      Number(headers['dlq-source-offset']),
      String(headers['dlq-reason']),
    ]);
  }

  /** Committed dead letters of the source, those that are not parked. */
  async letters(): Promise<readonly KafkaRecord[]> {
    const topic = topicOf('dead-letters', this.source);
    return (await readCommitted(this.kafka, { topic, partition: 0 })).records;
  }

  async parked(): Promise<readonly KafkaRecord[]> {
    const topic = parkedTopic(topicOf('dead-letters', this.source));
    return (await readCommitted(this.kafka, { topic, partition: 0 })).records;
  }
}

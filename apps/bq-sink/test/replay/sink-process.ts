import { setTimeout as delay } from 'node:timers/promises';

import type { Finalized, RowBuffer, WriteStreams } from '@orderstream/bigquery';
import type { BatchOutcome, TransactionWrites } from '@orderstream/kafka';

import { HeldCalls } from '../../../../test/model-checking/held-calls';
import type { CommitReason } from '../model/state';
import type { SinkStep } from '../../src/streams/fault-points';
import { PartitionSink } from '../../src/streams/partition-sink';
import type { PartitionSinkDependencies, SinkLimits, Transactions } from '../../src/streams/sink-dependencies';
import { RecoveryAmbiguousError } from '../../src/streams/sink-errors';
import type { SinkState } from '../../src/streams/sink-lifecycle';
import type { Appender } from '../../src/streams/warehouse';
import { SILENT_OBSERVER } from '../silent-observer';
import type { Coordinator } from './coordinator';
import { MAPPER, PARTITION, offsetsOf, recordsOf, TABLE } from './log';

/** For timers that must not fire during a replay. */
const NEVER_MS = 2 ** 31 - 1;
const MAX_IN_FLIGHT = 2;
/** The reason of a commit without dead letters, by the state of the sink. */
const REASONS: Readonly<Partial<Record<SinkState, CommitReason>>> = { assigning: 'assigning', ending: 'ending' };
const DEADLINE_MS = 10_000;

/** The calls of a sink to Kafka and BigQuery. */
export type CallName =
  'fence' | 'read' | 'create' | 'finalize' | 'last-offset' | 'log-bounds' | 'wait' | 'commit' | 'dead-letter';

/** What the processes of a replay share. */
export interface SharedServers {
  /** As in the model's Log. */
  readonly entries: string;
  /** Number of entries that are produced. */
  readonly end: () => number;
  readonly streams: WriteStreams;
  readonly coordinator: Coordinator;
  /** Gives a new stream its name in the model. */
  readonly nameStream: (stream: string) => string;
  readonly streamName: (stream: string) => string;
  /** The last `_kafka_offset` that a recovery finds. */
  readonly lastOffset: (from: number) => number | undefined;
  /** The last `_kafka_offset` of all rows, for the trace. */
  readonly lastRow: () => number;
  /** Resolves when no append can land any more in a deleted stream. */
  readonly allAppendsLanded: () => Promise<void>;
  /** Removes a rule from the protocol of the code; the identity for complete code. */
  readonly broken: (dependencies: PartitionSinkDependencies, process: SinkProcess) => PartitionSinkDependencies;
}

export interface SentAppend {
  readonly by: SinkProcess;
  readonly stream: string;
  readonly at: number;
  readonly offsets: readonly number[];
}

/**
 * One process with the real sink of the partition. The replay releases each of its calls, and decides when it sends which
 * records.
 */
export class SinkProcess {
  readonly calls = new HeldCalls<CallName>();
  readonly reached: SinkStep[] = [];
  readonly sent: SentAppend[] = [];
  readonly sink: PartitionSink;
  /** Maximum number of appends in flight, set by the replay. */
  maxInFlight = 0;
  /** The next answer to FinalizeWriteStream is, wrongly, that there is no such stream. */
  isMisled = false;
  /** The next commit is one of the position alone. */
  commitsPositionNext = false;
  /** The message with which it stopped the partition. */
  stopped: string | undefined;
  private isReleased = false;
  /** Number of steps in `reached` before the next one to wait for. */
  private awaitedSteps = 0;
  private readonly opened: Promise<number | undefined>;
  private fedUntil: number | undefined;
  private taking: Promise<BatchOutcome | undefined> = Promise.resolve(undefined);

  constructor(private readonly servers: SharedServers) {
    this.sink = new PartitionSink(servers.broken(this.dependencies(), this));
    this.opened = this.sink.open().then(
      (offset) => (this.fedUntil = offset),
      (cause: unknown) => {
        this.recordStop(cause);
        return undefined;
      },
    );
  }

  isUsable(): boolean {
    return this.calls.isAlive() && this.sink.state !== 'failed' && this.sink.state !== 'closed';
  }

  /** Kills the process. What it has sent stays in flight. */
  async kill(): Promise<void> {
    this.calls.kill();
    await this.sink.close();
  }

  /** Passes records up to `end` to the sink, one by one, until all are taken or the sink needs a stream for them. */
  async feed(end: number, timeoutMs: number): Promise<void> {
    await Promise.race([this.opened, delay(timeoutMs, undefined, { ref: false })]);
    for (;;) {
      if (!(await this.isTaken()) || this.fedUntil === undefined || this.fedUntil >= end) return;
      this.taking = this.take(this.fedUntil, this.fedUntil + 1);
    }
  }

  /** Sends the records taken, as one batch. After a rejection the sink opens another connection first. */
  async sendNow(timeoutMs: number): Promise<SentAppend | undefined> {
    const before = this.sent.length;
    const deadline = performance.now() + timeoutMs;
    // An aborted drain seals and sends, and does not wait.
    await this.sink.drain(AbortSignal.abort());
    while (this.sent.length === before && performance.now() < deadline) await delay(2);
    this.maxInFlight = 0;
    return this.sent[before];
  }

  /** Waits until the code reaches the step, after the step of the previous call. */
  async waitForStep(step: SinkStep): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!this.reached.includes(step, this.awaitedSteps)) {
      if (performance.now() > deadline) throw new Error(`the sink did not reach ${step}: ${this.reached.join(', ')}`);
      await delay(2);
    }
    this.awaitedSteps = this.reached.indexOf(step, this.awaitedSteps) + 1;
  }

  /** Holds no call from now on, and applies the normal limits. */
  releaseAll(): void {
    this.isReleased = true;
    this.calls.releaseAll();
  }

  /** Takes the rest of the log and drains. Returns whether all of it is committed. */
  async finish(): Promise<boolean> {
    this.releaseAll();
    const end = this.servers.end();
    await this.opened;
    await this.taking;
    if (this.isUsable() && this.fedUntil !== undefined && this.fedUntil < end) {
      this.taking = this.take(this.fedUntil, end);
      await this.taking;
    }
    if (!this.isUsable() || this.fedUntil !== end) return false;
    await this.sink.drain(new AbortController().signal);
    return this.isUsable() && this.sink.describe().committed === end;
  }

  finalize(stream: string, perform: () => Promise<Finalized>): Promise<Finalized> {
    const formatOutcome = (finalized: Finalized): string => {
      const found = finalized.kind === 'rows' ? `${String(finalized.rows)} rows` : finalized.kind;
      return `${this.servers.streamName(stream)}: ${found}`;
    };
    return this.calls.hold('finalize', () => (this.isMisled ? this.mislead() : perform()), { formatOutcome });
  }

  /** A commit by the consumer, for broken code only. */
  commitAsConsumer(writes: TransactionWrites): Promise<void> {
    return this.commit(writes, false);
  }

  private mislead(): Finalized {
    this.isMisled = false;
    return { kind: 'gone' };
  }

  private take(from: number, end: number): Promise<BatchOutcome | undefined> {
    this.fedUntil = end;
    return this.sink.take(recordsOf(this.servers.entries, from, end));
  }

  /** Whether the last records are taken. False if the sink waits for the assignment of a stream for them. */
  private async isTaken(): Promise<boolean> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      if (await Promise.race([this.taking.then(() => true), delay(1, false)])) return true;
      if (this.sink.state === 'assigning') return false;
      if (performance.now() > deadline) throw new Error(`the sink takes no records in state ${this.sink.state}`);
    }
  }

  private recordStop(cause: unknown): void {
    if (cause instanceof RecoveryAmbiguousError) this.stopped = cause.message;
  }

  private dependencies(): PartitionSinkDependencies {
    const { calls, servers } = this;
    const { streams } = servers;
    return {
      partition: PARTITION,
      limits: this.limits(),
      mapper: MAPPER,
      warehouse: {
        createStream: () =>
          calls.hold('create', () => streams.create(TABLE, MAPPER.columns), {
            formatOutcome: (name) => servers.nameStream(name),
          }),
        finalize: (stream) => this.finalize(stream, () => streams.finalize(stream)),
        connect: (stream) => this.connect(stream),
        lastOffset: (from) =>
          calls.hold('last-offset', () => servers.lastOffset(from), {
            formatOutcome: () => `the last row is ${String(servers.lastRow())}`,
          }),
      },
      openTransactions: () => this.openTransactions(),
      logBounds: () =>
        calls.hold('log-bounds', () => ({ start: 0, end: servers.end() }), { formatOutcome: ({ end }) => String(end) }),
      delay: () => calls.hold('wait', () => servers.allAppendsLanded()),
      now: () => new Date(0),
      deadLetters: true,
      faults: {
        reach: (step) => {
          if (calls.isAlive()) this.reached.push(step);
        },
      },
      observer: SILENT_OBSERVER,
      outcomeOf: (cause) => {
        this.recordStop(cause);
        return { kind: 'retry', afterMs: 0, cause };
      },
      interrupt: () => undefined,
    };
  }

  /** The limits that the replay sets; the normal ones after `releaseAll`. */
  private limits(): SinkLimits {
    const isReleased = (): boolean => this.isReleased;
    const maxInFlight = (): number => this.maxInFlight;
    const commitsPositionNext = (): boolean => this.commitsPositionNext;
    return {
      maxBatchRows: 100,
      maxBatchBytes: 1_000_000,
      idleFinalizeMs: NEVER_MS,
      fallbackWaitMs: 0,
      get lingerMs() {
        return isReleased() ? 0 : NEVER_MS;
      },
      get maxInFlight() {
        return isReleased() ? MAX_IN_FLIGHT : maxInFlight();
      },
      get commitIntervalMs() {
        return isReleased() || commitsPositionNext() ? 0 : NEVER_MS;
      },
    };
  }

  private async openTransactions(): Promise<Transactions> {
    const { calls, servers } = this;
    await calls.hold('fence', () => {
      servers.coordinator.fence(this);
    });
    const committed = await calls.hold('read', () => servers.coordinator.committed);
    return {
      committed,
      commit: (writes) => this.commit(writes, true),
      assertCurrent: () => {
        return servers.coordinator.committed === committed ? Promise.resolve() : Promise.reject(new Error('fenced'));
      },
      close: () => Promise.resolve(),
    };
  }

  private async commit(writes: TransactionWrites, inTransaction: boolean): Promise<void> {
    const { calls, servers } = this;
    const { state } = this.sink;
    const reason = writes.records.length > 0 ? 'rejection' : (REASONS[state] ?? 'steady');
    const begun = await calls.hold(reason === 'rejection' ? 'dead-letter' : 'commit', () => ({
      answer: servers.coordinator.begin({ by: this, reason, writes, inTransaction }),
    }));
    await begun.answer;
    await calls.ifAlive();
  }

  private async connect(stream: string): Promise<Appender> {
    const { schema } = MAPPER;
    const connection = await this.servers.streams.connect({ stream, schema, appendTimeoutMs: 60_000, maxInFlight: 10 });
    return {
      get usable() {
        return connection.usable;
      },
      append: (rows: RowBuffer, at: number) => {
        this.sent.push({ by: this, stream, at, offsets: offsetsOf(rows) });
        return connection.append(rows, at);
      },
      close: () => {
        connection.close();
      },
    };
  }
}

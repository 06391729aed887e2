import { setTimeout as delay } from 'node:timers/promises';

import type { Finalized, RowBuffer, WriteStreams } from '@orderstream/bigquery';
import type { BatchOutcome, TransactionWrites } from '@orderstream/kafka';

import { HeldCalls } from '../../../../test/model-checking/held-calls';
import type { CommitReason } from '../model/state';
import type { SinkStep } from '../../src/streams/fault-points';
import { PartitionSink } from '../../src/streams/partition-sink';
import { RecoveryAmbiguousError } from '../../src/streams/sink-errors';
import type { SinkState } from '../../src/streams/sink-life';
import type { PartitionSinkParts, SinkLimits, Transactions } from '../../src/streams/sink-parts';
import type { Appender } from '../../src/streams/warehouse';
import { SILENT_OBSERVER } from '../silent-observer';
import type { Coordinator } from './coordinator';
import { MAPPER, PARTITION, offsetsOf, recordsOf, TABLE } from './log';

/** Timers that the course of events has no place for. */
const NEVER_MS = 2 ** 31 - 1;
const MAX_IN_FLIGHT = 2;
/** Commits without dead letters, by the state of the sink. */
const REASONS: Readonly<Partial<Record<SinkState, CommitReason>>> = { naming: 'naming', ending: 'ending' };
const DEADLINE_MS = 10_000;

/** What a sink asks of the world outside its process. */
export type CallName = 'fence' | 'read' | 'create' | 'finalize' | 'last-offset' | 'log-bounds' | 'wait' | 'commit';

/** What an actor shares with the others. */
export interface World {
  /** As in the model's Log. */
  readonly entries: string;
  /** So many of them are produced. */
  readonly end: () => number;
  readonly streams: WriteStreams;
  readonly coordinator: Coordinator;
  /** A new stream's name in the model. */
  readonly nameStream: (stream: string) => string;
  readonly streamName: (stream: string) => string;
  /** The last `_kafka_offset` that a recovery would find; and, for the trace, the last one that there is at all. */
  readonly lastOffset: (from: number, excluded: readonly number[]) => number | undefined;
  readonly lastRow: () => number;
  /** Nothing can land any more in a stream that is gone. */
  readonly nothingLands: () => Promise<void>;
  /** The protocol as it is: what it is given. */
  readonly broken: (parts: PartitionSinkParts, actor: Actor) => PartitionSinkParts;
}

export interface SentAppend {
  readonly by: Actor;
  readonly stream: string;
  readonly at: number;
  readonly offsets: readonly number[];
}

/**
 * One process with the partition: the real sink, each of whose calls waits until the replay lets it through. It sends
 * when it is told to, and what it is told to.
 */
export class Actor {
  readonly calls = new HeldCalls<CallName>();
  readonly reached: SinkStep[] = [];
  readonly sent: SentAppend[] = [];
  readonly sink: PartitionSink;
  /** Appends that it may have under way now. */
  mayFly = 0;
  /** Its next commit is one of the position alone. */
  commitsSoon = false;
  /** What made it stop and ask. */
  stopped: string | undefined;
  private isFree = false;
  private looked = 0;
  private readonly opened: Promise<number | undefined>;
  private fed: number | undefined;
  private taking: Promise<BatchOutcome | undefined> = Promise.resolve(undefined);

  constructor(private readonly world: World) {
    this.sink = new PartitionSink(world.broken(this.parts(), this));
    this.opened = this.sink.open().then(
      (offset) => (this.fed = offset),
      (cause: unknown) => {
        this.noteStop(cause);
        return undefined;
      },
    );
  }

  isUsable(): boolean {
    return this.calls.lives() && this.sink.state !== 'failed' && this.sink.state !== 'closed';
  }

  /** Killed: what it sent goes on without it. */
  async kill(): Promise<void> {
    this.calls.kill();
    await this.sink.close();
  }

  /** Hands records over up to `end`, one by one, until all are taken or a stream is to be named for them. */
  async feed(end: number, timeoutMs: number): Promise<void> {
    await Promise.race([this.opened, delay(timeoutMs, undefined, { ref: false })]);
    for (;;) {
      if (!(await this.isTaken()) || this.fed === undefined || this.fed >= end) return;
      this.taking = this.take(this.fed, this.fed + 1);
    }
  }

  /** What was taken goes out now, as one batch. */
  async sendNow(): Promise<SentAppend | undefined> {
    const before = this.sent.length;
    // A drain that gives up at once: it seals and sends, and waits for nothing.
    await this.sink.drain(AbortSignal.abort());
    this.mayFly = 0;
    return this.sent[before];
  }

  /** Waits for a step of the code behind the one that was waited for last. */
  async comesTo(step: SinkStep): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!this.reached.includes(step, this.looked)) {
      if (performance.now() > deadline) throw new Error(`the sink did not come to ${step}: ${this.reached.join(', ')}`);
      await delay(2);
    }
    this.looked = this.reached.indexOf(step, this.looked) + 1;
  }

  free(): void {
    this.isFree = true;
    this.calls.free();
  }

  /** Undisturbed: takes what there is, and is drained. Returns whether all of it is committed. */
  async finish(): Promise<boolean> {
    this.free();
    const end = this.world.end();
    await this.opened;
    await this.taking;
    if (this.isUsable() && this.fed !== undefined && this.fed < end) {
      this.taking = this.take(this.fed, end);
      await this.taking;
    }
    if (!this.isUsable() || this.fed !== end) return false;
    await this.sink.drain(new AbortController().signal);
    return this.isUsable() && this.sink.describe().committed === end;
  }

  finalize(stream: string, perform: () => Promise<Finalized>): Promise<Finalized> {
    const tell = (finalized: Finalized): string => {
      const found = finalized.kind === 'rows' ? `${String(finalized.rows)} rows` : finalized.kind;
      return `${this.world.streamName(stream)}: ${found}`;
    };
    return this.calls.ask('finalize', perform, { tell });
  }

  /** A commit by the consumer, for broken code only. */
  commitAsConsumer(writes: TransactionWrites): Promise<void> {
    return this.commit(writes, false);
  }

  private take(from: number, end: number): Promise<BatchOutcome | undefined> {
    this.fed = end;
    return this.sink.take(recordsOf(this.world.entries, from, end));
  }

  /** Whether the records handed over last are taken, or else held up: the stream for them is not named yet. */
  private async isTaken(): Promise<boolean> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      if (await Promise.race([this.taking.then(() => true), delay(1, false)])) return true;
      if (this.sink.state === 'naming') return false;
      if (performance.now() > deadline) throw new Error(`the sink takes no records: it is ${this.sink.state}`);
    }
  }

  private noteStop(cause: unknown): void {
    if (cause instanceof RecoveryAmbiguousError) this.stopped = cause.message;
  }

  private parts(): PartitionSinkParts {
    const { calls, world } = this;
    const { streams } = world;
    return {
      partition: PARTITION,
      limits: this.limits(),
      mapper: MAPPER,
      warehouse: {
        createStream: () =>
          calls.ask('create', () => streams.create(TABLE, MAPPER.columns), { tell: (name) => world.nameStream(name) }),
        finalize: (stream) => this.finalize(stream, () => streams.finalize(stream)),
        connect: (stream) => this.connect(stream),
        lastOffset: (from, excluded) =>
          calls.ask('last-offset', () => world.lastOffset(from, excluded), {
            tell: () => `the last row is ${String(world.lastRow())}`,
          }),
      },
      openTransactions: () => this.openTransactions(),
      logBounds: () =>
        calls.ask('log-bounds', () => ({ start: 0, end: world.end() }), { tell: ({ end }) => String(end) }),
      delay: () => calls.ask('wait', () => world.nothingLands()),
      now: () => new Date(0),
      faults: {
        reach: (step) => {
          if (calls.lives()) this.reached.push(step);
        },
      },
      observer: SILENT_OBSERVER,
      outcomeOf: (cause) => {
        this.noteStop(cause);
        return { kind: 'retry', afterMs: 0, cause };
      },
      interrupt: () => undefined,
    };
  }

  /** As the course of events has it, until nothing is in the way any more. */
  private limits(): SinkLimits {
    const isFree = (): boolean => this.isFree;
    const mayFly = (): number => this.mayFly;
    const commitsSoon = (): boolean => this.commitsSoon;
    return {
      maxBatchRows: 100,
      maxBatchBytes: 1_000_000,
      idleFinalizeMs: NEVER_MS,
      fallbackWaitMs: 0,
      get lingerMs() {
        return isFree() ? 0 : NEVER_MS;
      },
      get maxInFlight() {
        return isFree() ? MAX_IN_FLIGHT : mayFly();
      },
      get commitIntervalMs() {
        return isFree() || commitsSoon() ? 0 : NEVER_MS;
      },
    };
  }

  private async openTransactions(): Promise<Transactions> {
    const { calls, world } = this;
    await calls.ask('fence', () => {
      world.coordinator.fence(this);
    });
    const committed = await calls.ask('read', () => world.coordinator.committed);
    return {
      committed,
      commit: (writes) => this.commit(writes, true),
      assertCurrent: () => {
        return world.coordinator.committed === committed ? Promise.resolve() : Promise.reject(new Error('fenced'));
      },
      close: () => Promise.resolve(),
    };
  }

  private async commit(writes: TransactionWrites, inTransaction: boolean): Promise<void> {
    const { calls, world } = this;
    const { state } = this.sink;
    const reason = writes.records.length > 0 ? 'rejection' : (REASONS[state] ?? 'steady');
    const begun = await calls.ask('commit', () => ({
      answer: world.coordinator.begin({ by: this, reason, writes, inTransaction }),
    }));
    await begun.answer;
    await calls.survives();
  }

  private async connect(stream: string): Promise<Appender> {
    const { schema } = MAPPER;
    const connection = await this.world.streams.connect({ stream, schema, appendTimeoutMs: 60_000, maxInFlight: 10 });
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

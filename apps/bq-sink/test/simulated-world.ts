import { type AppendOutcome, type Finalized, type RowBuffer } from '@orderstream/bigquery';
import { validatedTopic } from '@orderstream/contracts';
import { type KafkaRecord, type TopicPartition, type RecordBatch, type TransactionWrites } from '@orderstream/kafka';

import { type FaultPoints, NO_FAULTS } from '../src/streams/fault-points';
import type { RowSource } from '../src/streams/micro-batch';
import type { PartitionSinkDependencies, SinkLimits, Transactions } from '../src/streams/sink-dependencies';
import type { Appender, Warehouse } from '../src/streams/warehouse';
import { SILENT_OBSERVER } from './silent-observer';

/**
 * `o` valid, `b` rejected by BigQuery, `i` rejected by BigQuery with the whole request and no word of the row, `x` rejected by
 * the encoder, `f` rejected at random, `-` a transaction marker.
 */
export type LogEntry = 'o' | 'b' | 'i' | 'x' | 'f' | '-';

export const PARTITION: TopicPartition = { topic: validatedTopic('orders'), partition: 3 };

interface Stream {
  rows: number;
  state: 'open' | 'finalized' | 'gone';
  /** This many appends are answered as if BigQuery did not know the stream. */
  unknownAppends: number;
}

/** Probabilities, from 0 to 1. */
export interface FaultRates {
  /** That the answer to an append or to a commit is lost. */
  readonly lost: number;
  /** That a process is killed, at each step of the protocol. */
  readonly kill: number;
  /** That BigQuery answers to the first appends of a stream, or the first time to its end, that it does not know it. */
  readonly unknown: number;
}

/** A process. A request that it has sent may arrive after it was killed. */
export class Process {
  alive = true;
  readonly never = new Promise<never>(() => undefined);
  /** The stream for which it got a false answer. */
  misled: string | undefined;
}

/**
 * One partition of the log, the coordinator of its consumer group, and BigQuery, as docs/sink-protocol.md describes them.
 * Every answer is delayed and some are lost. One seed determines everything.
 */
export class SimulatedWorld {
  /** Offsets in the order in which their rows landed. */
  readonly table: number[] = [];
  readonly deadLetters: number[] = [];
  readonly problems: string[] = [];
  committed: Transactions['committed'] = { offset: undefined, metadata: undefined };
  /** Faults that happened. */
  readonly faultCounts = { kill: 0, lost: 0, forget: 0, unknown: 0 };
  private readonly streams = new Map<string, Stream>();
  private producerEpoch = 0;
  private produced = 0;
  private lastCommit: Promise<void> = Promise.resolve();

  constructor(
    readonly log: readonly LogEntry[],
    private readonly random: () => number,
    private readonly rates: FaultRates,
  ) {}

  get end(): number {
    return this.log.length;
  }

  /** End of the log. It grows as it is read. */
  get producedUntil(): number {
    return this.produced;
  }

  records(from: number, count: number): RecordBatch {
    const nextOffset = Math.min(from + count, this.end);
    this.produced = Math.max(this.produced, nextOffset);
    const offsets = Array.from({ length: nextOffset - from }, (_, index) => from + index);
    return {
      ...PARTITION,
      records: offsets.filter((offset) => this.log[offset] !== '-').map(recordAt),
      nextOffset,
    };
  }

  /** BigQuery deletes every stream and drops the appends in flight. */
  forgetStreams(): void {
    this.faultCounts.forget++;
    for (const stream of this.streams.values()) stream.state = 'gone';
  }

  faults(process: Process): FaultPoints {
    return {
      reach: async () => {
        if (process.alive && this.random() < this.rates.kill) {
          process.alive = false;
          this.faultCounts.kill++;
        }
        if (!process.alive) await process.never;
      },
    };
  }

  warehouse(process: Process): Warehouse {
    return {
      createStream: () =>
        this.remoteCall(process, () => {
          const name = `s${String(this.streams.size)}`;
          const isUnknown = this.isUnknown();
          this.streams.set(name, {
            rows: 0,
            state: 'open',
            unknownAppends: isUnknown ? 1 + Math.floor(this.random() * 3) : 0,
          });
          return name;
        }),
      finalize: (name) => this.remoteCall(process, () => this.finalize(process, name)),
      connect: (name) => this.remoteCall(process, () => new SimulatedAppender(this, process, name)),
      lastOffset: (from) =>
        this.remoteCall(process, () => {
          const own = this.table.filter((offset) => offset >= from);
          return own.length === 0 ? undefined : Math.max(...own);
        }),
    };
  }

  /** Waits for the commits in progress, then fences: the coordinator rejects later commits of the previous owner. */
  async openTransactions(process: Process): Promise<Transactions> {
    await this.transmit(process);
    for (let seen; seen !== this.lastCommit;) {
      seen = this.lastCommit;
      await seen;
    }
    const epoch = ++this.producerEpoch;
    const { committed } = this;
    let failure: Error | undefined;
    return {
      committed,
      commit: async (writes) => {
        if (failure !== undefined) throw failure;
        await this.transmit(process);
        if (epoch !== this.producerEpoch) throw (failure = new Error('fenced'));
        const applied = this.tick().then(() => {
          this.apply(writes);
        });
        this.lastCommit = applied;
        await applied;
        if (this.losesAnswer()) throw (failure = new Error('outcome unknown'));
        await this.transmit(process);
      },
      assertCurrent: () => (committed === this.committed ? Promise.resolve() : Promise.reject(new Error('fenced'))),
      close: () => Promise.resolve(),
    };
  }

  append(name: string, rows: RowBuffer, offset: number): AppendOutcome {
    const stream = this.streams.get(name);
    const offsets = offsetsOf(rows);
    if (stream === undefined || stream.state === 'gone')
      return { kind: 'error', reason: 'stream-gone', message: 'gone' };
    if (stream.unknownAppends > 0) {
      stream.unknownAppends--;
      return { kind: 'error', reason: 'stream-gone', message: 'not known yet' };
    }
    if (stream.state === 'finalized') return { kind: 'error', reason: 'finalized', message: 'finalized' };
    if (offset !== stream.rows) {
      const reason = offset < stream.rows ? 'already-exists' : 'out-of-range';
      return { kind: 'error', reason, message: `at ${String(stream.rows)}` };
    }
    if (offsets.some((each) => this.log[each] === 'i'))
      return { kind: 'error', reason: 'invalid-request', message: 'invalid' };
    const rejected = offsets.flatMap((each, index) => {
      const entry = this.log[each];
      const rejects = entry === 'b' || (entry === 'f' && this.random() < 0.5);
      return rejects ? [{ index, message: 'no such number' }] : [];
    });
    // BigQuery may list only some of the rejected rows.
    if (rejected.length > 0) return { kind: 'rejected', rows: rejected.slice(0, 2) };
    for (const each of offsets) {
      if (this.table.includes(each)) this.problems.push(`record ${String(each)} is in the table twice`);
      if (this.deadLetters.includes(each))
        this.problems.push(`record ${String(each)} is in the table and dead-lettered`);
      if ((this.table.at(-1) ?? -1) > each)
        this.problems.push(`record ${String(each)} is in the table after a later one`);
      this.table.push(each);
    }
    stream.rows += offsets.length;
    return { kind: 'appended' };
  }

  private isUnknown(): boolean {
    const isUnknown = this.random() < this.rates.unknown;
    if (isUnknown) this.faultCounts.unknown++;
    return isUnknown;
  }

  losesAnswer(): boolean {
    const isLost = this.random() < this.rates.lost;
    if (isLost) this.faultCounts.lost++;
    return isLost;
  }

  /** Waits for a few iterations of the event loop, so that the steps of several processes interleave. */
  async tick(): Promise<void> {
    const extra = Math.floor(this.random() * 4);
    for (let iteration = 0; iteration <= extra; iteration++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Delays a request or an answer. It never resolves if the process is killed before or during the delay. */
  async transmit(process: Process): Promise<void> {
    if (!process.alive) await process.never;
    await this.tick();
    if (!process.alive) await process.never;
  }

  private async remoteCall<T>(process: Process, change: () => T): Promise<T> {
    await this.transmit(process);
    const result = change();
    await this.transmit(process);
    return result;
  }

  /** A false answer is repeated for less than the wait of recovery, so a process that asks again gets the true one. */
  private finalize(process: Process, name: string): Finalized {
    const stream = this.streams.get(name);
    if (stream === undefined || stream.state === 'gone') return { kind: 'gone' };
    if (process.misled !== name && this.isUnknown()) {
      process.misled = name;
      return { kind: 'gone' };
    }
    if (stream.state === 'finalized' && this.random() < 0.1) return { kind: 'no-count' };
    stream.state = 'finalized';
    return { kind: 'rows', rows: stream.rows };
  }

  private apply({ records, offset, metadata }: TransactionWrites): void {
    for (const { value } of records) {
      const dead = Number(value?.toString());
      if (this.deadLetters.includes(dead)) this.problems.push(`record ${String(dead)} is dead-lettered twice`);
      if (this.table.includes(dead)) this.problems.push(`record ${String(dead)} is dead-lettered and in the table`);
      this.deadLetters.push(dead);
    }
    this.committed = { offset, metadata };
  }
}

class SimulatedAppender implements Appender {
  private hasFailed = false;
  private closed = false;
  private lastAppend: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly world: SimulatedWorld,
    private readonly process: Process,
    private readonly stream: string,
  ) {}

  get usable(): boolean {
    return !this.hasFailed && !this.closed;
  }

  /** Appends of one connection land in order, also after their process was killed. A lost answer ends the connection. */
  append(rows: RowBuffer, offset: number): Promise<AppendOutcome> {
    if (!this.process.alive) return this.process.never;
    const copy = rows.slice(0, rows.rows);
    const landed = this.lastAppend.then(async () => {
      await this.world.tick();
      return this.world.append(this.stream, copy, offset);
    });
    this.lastAppend = landed;
    return landed.then(async (outcome) => {
      await this.world.transmit(this.process);
      if (this.closed || this.world.losesAnswer()) {
        this.hasFailed = true;
        return { kind: 'lost', reason: 'unavailable', message: 'no answer' };
      }
      if (outcome.kind !== 'appended') this.hasFailed = true;
      return outcome;
    });
  }

  close(): void {
    this.closed = true;
  }
}

export const LIMITS: SinkLimits = {
  lingerMs: 0,
  maxBatchRows: 3,
  maxBatchBytes: 1_000_000,
  maxInFlight: 2,
  commitIntervalMs: 0,
  idleFinalizeMs: 3,
  fallbackWaitMs: 60_000,
};

export const recordAt = (offset: number): KafkaRecord => ({
  ...PARTITION,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.from(String(offset)),
  headers: {},
});

/** Encodes only the record's offset. */
const offsetRows = (log: readonly LogEntry[]): RowSource => ({
  encode: ({ offset }, rows) => {
    if (log[offset] === 'x') return { code: 'sink.row_not_encodable', path: 'x', constraint: 'x' };
    rows.beginRow();
    rows.varint(offset);
    rows.endRow();
    return undefined;
  },
});

/** What a sink over this log has in common in every test. */
export const fixedDependencies = (log: readonly LogEntry[]) =>
  ({
    partition: PARTITION,
    limits: LIMITS,
    mapper: offsetRows(log),
    logBounds: () => Promise.resolve({ start: 0, end: log.length }),
    delay: () => Promise.resolve(),
    now: () => new Date(0),
    faults: NO_FAULTS,
    deadLetters: true,
    observer: SILENT_OBSERVER,
  }) satisfies Partial<PartitionSinkDependencies>;

/** Decodes rows of `offsetRows`. Offsets are below 128, so each row is a tag, a length and one byte. */
function offsetsOf(rows: RowBuffer): number[] {
  const bytes = rows.encoded();
  return Array.from({ length: rows.rows }, (_, row) => bytes[row * 3 + 2] ?? NaN);
}

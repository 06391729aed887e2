import { type AppendOutcome, type Finalized, type RowBuffer } from '@orderstream/bigquery';
import { validatedTopic } from '@orderstream/contracts';
import { type KafkaRecord, type PartitionRef, type RecordBatch, type TransactionWrites } from '@orderstream/kafka';

import type { FaultPoints } from '../src/streams/fault-points';
import type { RowSource } from '../src/streams/micro-batch';

import type { SinkLimits, Transactions } from '../src/streams/sink-parts';
import type { Appender, Warehouse } from '../src/streams/warehouse';

/** `o` fine, `b` rejected by BigQuery, `x` by the encoder, `f` rejected by BigQuery or not, `-` a transaction marker. */
export type LogEntry = 'o' | 'b' | 'x' | 'f' | '-';

export const PARTITION: PartitionRef = { topic: validatedTopic('orders'), partition: 3 };

interface Stream {
  rows: number;
  state: 'open' | 'finalized' | 'gone';
}

export interface Chances {
  /** Of 1: an answer of BigQuery or a commit's outcome is lost. */
  readonly lost: number;
  /** Of 1: at a step of the protocol, the process is killed. */
  readonly kill: number;
}

/** A process: what it sends may arrive after its end, what it has not sent never does. */
export class Process {
  alive = true;
  readonly never = new Promise<never>(() => undefined);
}

/**
 * One partition of the log, its group's coordinator, and BigQuery: as the sink's protocol sees them
 * (the model in the protocol's document), with every answer delayed, some lost, and all of it by one seed.
 */
export class SimulatedWorld {
  /** Offsets in the order in which they landed. */
  readonly table: number[] = [];
  readonly deadLetters: number[] = [];
  readonly problems: string[] = [];
  committed: Transactions['committed'] = { offset: undefined, metadata: undefined };
  kills = 0;
  private readonly streams = new Map<string, Stream>();
  private epoch = 0;
  private produced = 0;
  private ending: Promise<void> = Promise.resolve();

  constructor(
    readonly log: readonly LogEntry[],
    private readonly random: () => number,
    private readonly chances: Chances,
  ) {}

  get end(): number {
    return this.log.length;
  }

  /** The log grows: it ends where somebody has read to. */
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
      highWatermark: this.end,
    };
  }

  /** BigQuery forgets every stream, and what was on its way to them. */
  forgetStreams(): void {
    for (const stream of this.streams.values()) stream.state = 'gone';
  }

  faults(process: Process): FaultPoints {
    return {
      reach: async () => {
        if (process.alive && this.random() < this.chances.kill) {
          process.alive = false;
          this.kills++;
        }
        if (!process.alive) await process.never;
      },
    };
  }

  warehouse(process: Process): Warehouse {
    return {
      createStream: () =>
        this.remotely(process, () => {
          const name = `s${String(this.streams.size)}`;
          this.streams.set(name, { rows: 0, state: 'open' });
          return name;
        }),
      finalize: (name) => this.remotely(process, () => this.finalize(name)),
      connect: (name) => this.remotely(process, () => new SimulatedAppender(this, process, name)),
      lastOffset: (from, excluded) =>
        this.remotely(process, () => {
          const own = this.table.filter((offset) => offset >= from && !excluded.includes(offset));
          return own.length === 0 ? undefined : Math.max(...own);
        }),
    };
  }

  /** Fences: what the previous owner has begun to commit is through first, and nothing of it is taken afterwards. */
  async openTransactions(process: Process): Promise<Transactions> {
    await this.pass(process);
    for (let seen; seen !== this.ending;) {
      seen = this.ending;
      await seen;
    }
    const epoch = ++this.epoch;
    const { committed } = this;
    let dead: Error | undefined;
    return {
      committed,
      commit: async (writes) => {
        if (dead !== undefined) throw dead;
        await this.pass(process);
        if (epoch !== this.epoch) throw (dead = new Error('fenced'));
        const applied = this.tick().then(() => {
          this.apply(writes);
        });
        this.ending = applied;
        await applied;
        if (this.random() < this.chances.lost) throw (dead = new Error('outcome unknown'));
        await this.pass(process);
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
    if (stream.state === 'finalized') return { kind: 'error', reason: 'finalized', message: 'finalized' };
    if (offset !== stream.rows) {
      const reason = offset < stream.rows ? 'already-exists' : 'out-of-range';
      return { kind: 'error', reason, message: `at ${String(stream.rows)}` };
    }
    const rejected = offsets.flatMap((each, index) => {
      const entry = this.log[each];
      const rejects = entry === 'b' || (entry === 'f' && this.random() < 0.5);
      return rejects ? [{ index, message: 'no such number' }] : [];
    });
    // BigQuery may name only some of the rows that it rejects.
    if (rejected.length > 0) return { kind: 'rejected', rows: rejected.slice(0, 2) };
    for (const each of offsets) {
      if (this.table.includes(each)) this.problems.push(`record ${String(each)} is in the table twice`);
      if (this.deadLetters.includes(each))
        this.problems.push(`record ${String(each)} is in the table and dead-lettered`);
      if ((this.table.at(-1) ?? -1) > each)
        this.problems.push(`record ${String(each)} is in the table behind a later one`);
      this.table.push(each);
    }
    stream.rows += offsets.length;
    return { kind: 'appended' };
  }

  isLost(): boolean {
    return this.random() < this.chances.lost;
  }

  /** A few turns of the event loop, so that steps of several processes mix. */
  async tick(): Promise<void> {
    const turns = Math.floor(this.random() * 4);
    for (let turn = 0; turn <= turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** A call leaves a process that lives, and reaches one that still does. */
  async pass(process: Process): Promise<void> {
    if (!process.alive) await process.never;
    await this.tick();
    if (!process.alive) await process.never;
  }

  private async remotely<T>(process: Process, change: () => T): Promise<T> {
    await this.pass(process);
    const result = change();
    await this.pass(process);
    return result;
  }

  private finalize(name: string): Finalized {
    const stream = this.streams.get(name);
    if (stream === undefined || stream.state === 'gone') return { kind: 'gone' };
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
  private spoilt = false;
  private closed = false;
  private sending: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly world: SimulatedWorld,
    private readonly process: Process,
    private readonly stream: string,
  ) {}

  get usable(): boolean {
    return !this.spoilt && !this.closed;
  }

  /** Appends of one connection land in order, even when their sender is gone; a lost answer ends the connection. */
  append(rows: RowBuffer, offset: number): Promise<AppendOutcome> {
    if (!this.process.alive) return this.process.never;
    const copy = rows.filter(() => true);
    const landed = this.sending.then(async () => {
      await this.world.tick();
      return this.world.append(this.stream, copy, offset);
    });
    this.sending = landed;
    return landed.then(async (outcome) => {
      await this.world.pass(this.process);
      if (this.closed || this.world.isLost()) {
        this.spoilt = true;
        return { kind: 'lost', reason: 'unavailable', message: 'no answer' };
      }
      if (outcome.kind !== 'appended') this.spoilt = true;
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
  fallbackWaitMs: 0,
};

const recordAt = (offset: number): KafkaRecord => ({
  ...PARTITION,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.from(String(offset)),
  headers: {},
});

/** A row that holds the record's offset and nothing else. */
export const offsetRows = (log: readonly LogEntry[]): RowSource => ({
  encode: ({ offset }, rows) => {
    if (log[offset] === 'x') return { code: 'sink.row_not_encodable', path: 'x', constraint: 'x' };
    rows.beginRow();
    rows.varint(offset);
    rows.endRow();
    return undefined;
  },
});

/** Reads `offsetRows` back; offsets below 128, so that each row is a tag, a length and one byte. */
function offsetsOf(rows: RowBuffer): number[] {
  const bytes = rows.encoded();
  return Array.from({ length: rows.rows }, (_, row) => bytes[row * 3 + 2] ?? NaN);
}

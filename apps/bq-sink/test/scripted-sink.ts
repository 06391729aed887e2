import type { AppendOutcome, Finalized } from '@orderstream/bigquery';
import { waitUntil } from '@orderstream/deadlines';
import { type FailureOutcome, type RecordBatch, retry } from '@orderstream/kafka';

import { PartitionSink } from '../src/streams/partition-sink';
import type { SinkLimits, Transactions } from '../src/streams/sink-dependencies';
import type { Appender } from '../src/streams/warehouse';
import { fixedDependencies, LIMITS, type LogEntry, PARTITION, recordAt } from './simulated-world';

export interface Script {
  /** What was committed before; nothing by default. */
  readonly committed?: Transactions['committed'];
  /** The answer to FinalizeWriteStream. Without one, it answers with the rows that were acknowledged. */
  readonly finalized?: Finalized;
  readonly limits?: Partial<SinkLimits>;
  readonly log?: readonly LogEntry[];
  /** Called before each commit, with its offset. */
  readonly beforeCommit?: (offset: number) => Promise<void>;
  /** Called before the transactions are open. */
  readonly beforeOpen?: () => Promise<void>;
  /** Called before a stream is created. */
  readonly beforeCreate?: () => Promise<void>;
  /** Whether no other owner has committed. */
  readonly assertCurrent?: () => Promise<void>;
  /** Called before each connection, with its number from 1. */
  readonly beforeConnect?: (nth: number) => Promise<void> | undefined;
}

interface PendingAppend {
  readonly offset: number;
  readonly rows: number;
  readonly answer: (outcome: AppendOutcome) => void;
}

export const APPENDED: AppendOutcome = { kind: 'appended' };
export const REJECTED_FIRST: AppendOutcome = { kind: 'rejected', rows: [{ index: 0, message: 'no such number' }] };

/** A sink whose appends are answered by the test, and what it does, in order. */
export class ScriptedSink {
  readonly calls: string[] = [];
  readonly appends: PendingAppend[] = [];
  readonly failures: FailureOutcome[] = [];
  readonly sink: PartitionSink;
  private acknowledged = 0;
  private streams = 0;
  private connections = 0;

  constructor(private readonly script: Script = {}) {
    const { finalized, beforeOpen, beforeCreate, beforeConnect, limits, log = Array<LogEntry>(100).fill('o') } = script;
    this.sink = new PartitionSink({
      ...fixedDependencies(log),
      limits: { ...LIMITS, idleFinalizeMs: 60_000, ...limits },
      warehouse: {
        createStream: async () => {
          await beforeCreate?.();
          this.calls.push('create');
          return `s${String(++this.streams)}`;
        },
        finalize: (stream) => {
          this.calls.push(`finalize ${stream}`);
          return Promise.resolve(finalized ?? { kind: 'rows', rows: this.acknowledged });
        },
        connect: async (stream) => {
          this.calls.push(`connect ${stream}`);
          await beforeConnect?.(++this.connections);
          return this.appender(stream);
        },
        lastOffset: () => Promise.resolve(undefined),
      },
      openTransactions: async () => {
        await beforeOpen?.();
        return this.transactions();
      },
      outcomeOf: (cause) => {
        const outcome = retry(0, cause);
        this.failures.push(outcome);
        return outcome;
      },
      interrupt: () => undefined,
    });
  }

  /** Takes the records of these offsets. */
  take(from: number, to: number): ReturnType<PartitionSink['take']> {
    const offsets = Array.from({ length: to - from }, (_, index) => from + index);
    const batch: RecordBatch = { ...PARTITION, records: offsets.map(recordAt), nextOffset: to };
    return this.sink.take(batch);
  }

  /** Waits for the n-th append, from 1. */
  async append(nth: number): Promise<PendingAppend> {
    await waitUntil(() => this.appends.length >= nth, { what: `append ${String(nth)}`, deadlineMs: 5_000 });
    const append = this.appends[nth - 1];
    if (append === undefined) throw new RangeError('no such append');
    return append;
  }

  async failed(): Promise<unknown> {
    await waitUntil(() => this.failures.length > 0, { what: 'the failure of the sink', deadlineMs: 5_000 });
    const [outcome] = this.failures;
    return outcome?.cause;
  }

  private appender(stream: string): Appender {
    let isUsable = true;
    return {
      get usable() {
        return isUsable;
      },
      append: (rows, offset) =>
        new Promise((resolve) => {
          const answer = (outcome: AppendOutcome): void => {
            if (outcome.kind === 'appended') this.acknowledged += rows.rows;
            else isUsable = false;
            resolve(outcome);
          };
          this.appends.push({ offset, rows: rows.rows, answer });
        }),
      close: () => {
        isUsable = false;
        this.calls.push(`close ${stream}`);
      },
    };
  }

  private transactions(): Transactions {
    const { committed = { offset: undefined, metadata: undefined }, beforeCommit } = this.script;
    return {
      committed,
      commit: async ({ offset, metadata = '', records }) => {
        await beforeCommit?.(offset);
        const { s = 'no stream' } = JSON.parse(metadata) as { s?: string };
        const deadLetters = records.length === 0 ? '' : `, ${String(records.length)} dead letters`;
        this.calls.push(`commit ${String(offset)}, ${s}${deadLetters}`);
      },
      assertCurrent: this.script.assertCurrent ?? (() => Promise.resolve()),
      close: () => {
        this.calls.push('close transactions');
        return Promise.resolve();
      },
    };
  }
}

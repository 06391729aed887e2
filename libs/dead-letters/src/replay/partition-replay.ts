import { type KafkaRecord, type OutputRecord, TransactionFailedError } from '@orderstream/kafka';
import { OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { setTimeout as delay } from 'node:timers/promises';
import { type CanaryGate } from './canary-gate';
import { type ChosenLetters } from './chosen-letters';
import { readChosen } from './letter-reading';
import { type ReceiptOutcome } from './plan';
import { type RateLimit } from './rate-limit';
import { encodeReplayRecord, letterName, offsetIn, receiptPartition, type StoredReceipt } from './receipts';
import { type PartitionIo, type ReplayTransactions } from './replay-io';
import { type Decision, type RecordDecisions } from './returned-records';

/**
 * Points at which the replay of a partition may be killed, in the order of its loop.
 *
 * 1 `fenced`: the transactional producer is open, older owners are fenced.
 * 2 `receiptsRead`: what earlier owners and other plans have returned is known.
 * 3 `decided`: a transaction's letters are read, and nothing of it is written.
 * 4 `committed`: the transaction is committed.
 */
export type ReplayFaultPoint = 'fenced' | 'receiptsRead' | 'decided' | 'committed';

export interface ReplayFaults {
  reached(point: ReplayFaultPoint, partition: number): void | Promise<void>;
}

export interface PartitionReplayOptions {
  readonly planId: string;
  /** The dead-letter topic. */
  readonly topic: string;
  readonly partition: number;
  readonly replaysTopic: string;
  /** In the order in which they return. */
  readonly letters: ChosenLetters;
  /** Receipts below it were there at the preview. */
  readonly receiptsFrom: number;
  readonly records: RecordDecisions;
  /** Called with the topic of each returned record, when it is committed. */
  readonly onReturned?: ((topic: string) => void) | undefined;
  readonly io: PartitionIo;
  readonly limit: RateLimit;
  readonly gate: CanaryGate;
  readonly batchRecords: number;
  /** Rejects if another console works on the plan now. Called behind each fencing. */
  readonly confirm: () => Promise<void>;
  readonly logger: Logger;
  readonly clock: () => Date;
  readonly faults?: ReplayFaults | undefined;
}

interface Pending {
  readonly offset: number;
  readonly decision: Decision | { readonly kind: 'skip'; readonly reason: string };
}

/** Consecutive attempts without a committed transaction. */
const MAX_ATTEMPTS = 20;
const RETRY_MS = 250;
/** After another instance has fenced this one: the record of the plans must say first which of the two goes on. */
const FENCED_RETRY_MS = 2_000;
/** Bytes of letters in one transaction. */
const MAX_BATCH_BYTES = 1_048_576;

/**
 * Returns the chosen letters of one partition of a dead-letter topic.
 *
 * Failure semantics: the returned records and their receipts are one transaction of `replay.<dead-letter topic>.<partition>`.
 * Opening fences every older owner, in this console or another, of this plan or another; then the receipts are read to
 * their end, and what has one is not returned again. Killed before a commit, the next owner returns the same letters; killed
 * after it, it finds their receipts. The outcome of a commit that was not answered is found in the same way. So each
 * chosen letter is returned once, in the order of the plan. No transaction is open while the rate limit or the canary is
 * awaited.
 */
export class PartitionReplay {
  private readonly state: Uint8Array;
  private committedBatches = 0;

  constructor(private readonly options: PartitionReplayOptions) {
    this.state = new Uint8Array(options.letters.length);
  }

  /** Resolves when every letter has its receipt. @throws the signal's reason; what no retry can pass */
  async run(signal: AbortSignal): Promise<void> {
    const { topic, partition, logger } = this.options;
    for (let attempt = 1; ; attempt++) {
      const before = this.committedBatches;
      try {
        await this.runOnce(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (this.committedBatches > before) attempt = 1;
        if (!mayPass(error) || attempt >= MAX_ATTEMPTS) throw error;
        logger.warn(
          { err: error, topic, partition, plan: this.options.planId },
          'the replay of a partition is repeated',
        );
        const isFenced = error instanceof TransactionFailedError && error.fenced;
        const ms = isFenced ? FENCED_RETRY_MS : RETRY_MS * Math.min(attempt, 8);
        await delay(ms / 2 + Math.random() * ms, undefined, { signal });
      }
    }
  }

  private async runOnce(signal: AbortSignal): Promise<void> {
    const { io, partition, letters, faults } = this.options;
    const transactions = await io.open();
    try {
      await faults?.reached('fenced', partition);
      await this.options.confirm();
      await this.options.records.refresh?.();
      const returnedBy = await this.readReceipts(signal);
      await faults?.reached('receiptsRead', partition);
      const batch = new PendingBatch();
      await readChosen(
        io,
        letters,
        (position) => this.state[position] === 0,
        async (record, position) => {
          const offset = letters.at(position);
          batch.add({ offset, decision: this.decide(record, returnedBy.get(position)) }, record);
          if (batch.length >= this.options.batchRecords || batch.bytes >= MAX_BATCH_BYTES) {
            await this.commit(transactions, batch.take(), signal);
          }
        },
        signal,
      );
      await this.commit(transactions, batch.take(), signal);
    } finally {
      await transactions.close();
    }
  }

  /** Marks what has a receipt of this plan. @returns the plans that have returned others since the preview, by position */
  private async readReceipts(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const { io, topic, partition, letters, receiptsFrom, planId } = this.options;
    const positions = letters.positions();
    const returnedBy = new Map<number, string>();
    await io.readReceipts(
      receiptsFrom,
      ({ plan, letter, outcome }) => {
        const offset = offsetIn(topic, partition, letter);
        const position = offset === undefined ? undefined : positions.of(offset);
        if (position === undefined) return;
        if (plan === planId) this.state[position] = 1;
        else if (outcome === 'returned' || outcome === 'parked') returnedBy.set(position, plan);
      },
      signal,
    );
    return returnedBy;
  }

  private decide(record: KafkaRecord | undefined, returnedBy: string | undefined): Pending['decision'] {
    if (returnedBy !== undefined) return { kind: 'skip', reason: `plan ${returnedBy} has returned it` };
    if (record === undefined) return { kind: 'skip', reason: 'the retention of its topic has removed it' };
    return this.options.records.decide(record);
  }

  /** Commits the letters, as many at once as the canary admits. */
  private async commit(
    transactions: ReplayTransactions,
    pending: readonly Pending[],
    signal: AbortSignal,
  ): Promise<void> {
    const { gate, limit } = this.options;
    let rest = pending;
    while (rest.length > 0) {
      const wanted = rest.filter(({ decision }) => decision.kind === 'return').length;
      const admitted = gate.admit(wanted);
      const now = firstWith(rest, admitted);
      try {
        if (admitted > 0) await limit.take(admitted, signal);
        if (now.length > 0) await this.transact(transactions, now, signal);
      } catch (error) {
        gate.giveBack(admitted);
        throw error;
      }
      gate.done(admitted);
      rest = rest.slice(now.length);
      if (rest.length > 0) await gate.whenOpen(signal);
    }
  }

  private async transact(
    transactions: ReplayTransactions,
    pending: readonly Pending[],
    signal: AbortSignal,
  ): Promise<void> {
    const { partition, faults } = this.options;
    signal.throwIfAborted();
    await faults?.reached('decided', partition);
    const returned = pending.flatMap(({ decision }) => ('record' in decision ? [decision.record] : []));
    const last = pending.at(-1)?.offset ?? 0;
    await transactions.commit([...returned, ...pending.map((one) => this.receiptOf(one))], last + 1);
    this.committedBatches++;
    for (const { decision } of pending)
      if (decision.kind === 'return') this.options.onReturned?.(decision.record.topic);
    await faults?.reached('committed', partition);
  }

  private receiptOf({ offset, decision }: Pending): OutputRecord {
    const { topic, partition, planId, replaysTopic, clock } = this.options;
    const receipt: StoredReceipt = {
      kind: 'receipt',
      plan: planId,
      letter: letterName(topic, partition, offset),
      outcome: OUTCOMES[decision.kind],
      ...('code' in decision ? { reason: `${decision.code}: ${decision.reason}` } : {}),
      ...(decision.kind === 'skip' ? { reason: decision.reason } : {}),
      ...('record' in decision ? { to: { topic: decision.record.topic, partition: decision.record.partition } } : {}),
      ...('editedFrom' in decision ? { editedFrom: decision.editedFrom, editedTo: decision.editedTo } : {}),
      at: clock().toISOString(),
    };
    return encodeReplayRecord(replaysTopic, receiptPartition(partition), receipt);
  }
}

/** An error that says of itself that no retry helps does not pass; any other may be the broker's. */
export const mayPass = (error: unknown): boolean => !(error instanceof OrderstreamError) || error.retriable;

const OUTCOMES: Readonly<Record<Pending['decision']['kind'], ReceiptOutcome>> = {
  return: 'returned',
  park: 'parked',
  reject: 'rejected',
  skip: 'skipped',
};

/** Letters of the next transaction. */
class PendingBatch {
  private pending: Pending[] = [];
  bytes = 0;

  get length(): number {
    return this.pending.length;
  }

  add(one: Pending, record: KafkaRecord | undefined): void {
    this.pending.push(one);
    this.bytes += record?.value?.length ?? 0;
  }

  take(): readonly Pending[] {
    const taken = this.pending;
    this.pending = [];
    this.bytes = 0;
    return taken;
  }
}

/** The first letters, up to before the one that is returned behind `returned` others. */
function firstWith(pending: readonly Pending[], returned: number): readonly Pending[] {
  let count = 0;
  const end = pending.findIndex(({ decision }) => decision.kind === 'return' && ++count > returned);
  return end < 0 ? pending : pending.slice(0, end);
}

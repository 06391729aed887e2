import { TransactionFailedError } from '@orderstream/kafka';
import { type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import { decodeReplayRecord, type StoredReceipt } from '../src/replay/receipts';
import { type PartitionIo, type ReplayTransactions } from '../src/replay/replay-io';

/** What a commit does at the broker, and what its caller sees. */
export type CommitFate = 'ok' | 'aborted' | 'unanswered' | 'lost';

/** A broker in memory: one dead-letter partition, what was returned, and the receipts. */
export class MemoryLog {
  readonly returned: OutputRecord[] = [];
  readonly receipts: StoredReceipt[] = [];
  private owner = 0;

  constructor(
    readonly letters: readonly KafkaRecord[],
    private readonly replaysTopic: string,
    /** Of the next commit. */
    private readonly fate: () => CommitFate = () => 'ok',
  ) {}

  io(): PartitionIo {
    return {
      open: () => Promise.resolve(this.open()),
      readReceipts: (from, take) => {
        for (const receipt of this.receipts.slice(from)) take(receipt);
        return Promise.resolve();
      },
      readLetters: async (from, until, take, signal) => {
        for (const letter of this.letters) {
          signal.throwIfAborted();
          if (letter.offset >= from && letter.offset < until) await take(letter);
        }
      },
    };
  }

  private open(): ReplayTransactions {
    const owner = ++this.owner;
    return {
      commit: async (records) => {
        await Promise.resolve();
        if (owner !== this.owner) throw new TransactionFailedError('fenced', 'aborted', true);
        const fate = this.fate();
        if (fate === 'aborted') throw new TransactionFailedError('aborted', 'aborted', false);
        if (fate !== 'lost') this.store(records);
        if (fate !== 'ok') throw new TransactionFailedError('no answer', 'unknown', false);
      },
      close: () => Promise.resolve(),
    };
  }

  private store(records: readonly OutputRecord[]): void {
    for (const record of records) {
      const decoded = record.topic === this.replaysTopic ? decodeReplayRecord(record) : undefined;
      if (decoded?.kind === 'receipt') this.receipts.push(decoded);
      else this.returned.push(record);
    }
  }
}

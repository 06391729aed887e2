import type { PartitionTransactions, TopicPartition, TransactionWrites, UnreadableBatch } from '@orderstream/kafka';

/** A batch of offsets 60 to 71 that cannot be decoded. */
export const UNREADABLE: Omit<UnreadableBatch, keyof TopicPartition> = {
  baseOffset: 60,
  firstOffset: 60,
  lastOffset: 71,
  nextOffset: 72,
  records: 12,
  unread: 12,
  codec: 4,
  timestamp: 0,
  isIntact: true,
  bytes: Buffer.from('compressed'),
  reason: 'it ends early',
};

/** Transactions that note each dead letter, commit and close in `calls`. A commit fails with `failure`, if there is one. */
export const notedTransactions = (
  calls: string[],
  committed: PartitionTransactions['committed'],
  failure?: Error,
): Pick<PartitionTransactions, 'committed' | 'commit' | 'assertCurrent' | 'close'> => ({
  committed,
  commit: ({ records, offset, metadata }: TransactionWrites) => {
    for (const { topic, partition, headers } of records) {
      calls.push(`dead letter ${topic}/${String(partition)} of ${String(headers['dlq-source-offset'])}`);
    }
    calls.push(`commit ${String(offset)} ${metadata ?? ''}`);
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  },
  assertCurrent: () => Promise.reject(new Error('not expected')),
  close: () => {
    calls.push('close');
    return Promise.resolve();
  },
});

/** The command prints its usage and exits with 2 for each of these arguments. */
export function printsItsUsage(
  command: (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>,
  argvs: readonly (readonly string[])[],
): void {
  it.each(argvs.map((argv) => [argv]))('prints the usage and exits with 2 for %j', async (argv) => {
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(await command(argv, {})).toBe(2);
      expect(stderr.mock.calls.join('')).toContain('usage: set-position');
    } finally {
      stderr.mockRestore();
    }
  });
}

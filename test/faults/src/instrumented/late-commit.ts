import { type Transactions } from '../../../../apps/bq-sink/src/streams/sink-dependencies';

/** What a process logs when the commit that it was frozen before has succeeded or failed. */
export const lateCommitNotice = (pid: number | undefined): string => `the late commit of process ${String(pid)}`;

/** Logs the outcome of each commit for which `isLate` is true. */
export const loggingLateCommits = (transactions: Transactions, isLate: () => boolean): Transactions => ({
  committed: transactions.committed,
  commit: async (writes) => {
    const outcome = transactions.commit(writes);
    if (isLate()) {
      const log = (text: string) => (): void => {
        process.stderr.write(`${lateCommitNotice(process.pid)} ${text}\n`);
      };
      outcome.then(log('succeeded'), log('failed'));
    }
    return outcome;
  },
  assertCurrent: () => transactions.assertCurrent(),
  close: () => transactions.close(),
});

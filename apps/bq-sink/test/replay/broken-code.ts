import { type BreakContext, SINK_BREAKS } from '../../../../test/faults/src/instrumented/sink-breaks';
import type { BreakName } from '../model/model-context';
import type { LogBounds } from '../../src/streams/recovery';
import type { PartitionSinkDependencies } from '../../src/streams/sink-dependencies';
import type { Warehouse } from '../../src/streams/warehouse';
import type { SinkProcess } from './sink-process';
import type { ReplayOptions } from './replay-environment';

type BrokenCode = Pick<ReplayOptions, 'broken' | 'fences'>;

/** The breaks of the model that exist in code. The fault suite runs most of them as processes. */
export const BROKEN_CODE: Readonly<Partial<Record<BreakName, BrokenCode>>> = {
  skipsFinalize: {
    broken: (dependencies, process) => {
      const broken = SINK_BREAKS['skip-finalize'](dependencies, contextOf(process));
      const { warehouse } = broken;
      // The model has a step for this call. The broken code makes no call, but the replay holds it at the same place.
      const finalize: Warehouse['finalize'] = (stream) => process.finalize(stream, () => warehouse.finalize(stream));
      return { ...broken, warehouse: { ...warehouse, finalize } };
    },
  },
  commitsBeforeAck: {
    broken: (dependencies, process) => SINK_BREAKS['commit-before-ack'](dependencies, contextOf(process)),
  },
  nonTransactionalCommits: {
    broken: (dependencies, process) => SINK_BREAKS['consumer-commits'](dependencies, contextOf(process)),
  },
  renumbersInFlight: {
    broken: (dependencies, process) => SINK_BREAKS['renumber-in-flight'](dependencies, contextOf(process)),
  },
  readsLogEndBeforeFinalize: { broken: readsLogEndOnce },
  readsLogEndBeforeQuery: { broken: readsLogEndOnce },
  acceptsLateAnswers: { broken: acceptingLateAnswers() },
  stopsAlthoughFenced: { broken: skipsOwnershipCheck },
  // In the fault suite the transactional id differs. Here the coordinator does not fence.
  perInstanceTransactionalIds: { fences: false },
};

/** With a committed position, reads the log's end before the stream is finalized, and not again. */
function readsLogEndOnce(dependencies: PartitionSinkDependencies): PartitionSinkDependencies {
  let isCommitted = false;
  let first: Promise<LogBounds> | undefined;
  return {
    ...dependencies,
    openTransactions: async () => {
      const transactions = await dependencies.openTransactions();
      isCommitted = transactions.committed.offset !== undefined;
      return transactions;
    },
    logBounds: () => (isCommitted ? (first ??= dependencies.logBounds()) : dependencies.logBounds()),
  };
}

/** Stops the partition without checking whether a new owner has committed. */
function skipsOwnershipCheck(dependencies: PartitionSinkDependencies): PartitionSinkDependencies {
  return {
    ...dependencies,
    openTransactions: async () => {
      const { committed, ...transactions } = await dependencies.openTransactions();
      return { ...transactions, committed, assertCurrent: () => Promise.resolve() };
    },
  };
}

/** Takes the first answer to any commit of the process for the answer to its last one. */
function acceptingLateAnswers(): (dependencies: PartitionSinkDependencies) => PartitionSinkDependencies {
  const unanswered = new Set<Promise<void>>();
  return (dependencies) => ({
    ...dependencies,
    openTransactions: async () => {
      const { committed, ...transactions } = await dependencies.openTransactions();
      return {
        committed,
        assertCurrent: () => transactions.assertCurrent(),
        close: () => transactions.close(),
        commit: (writes) => {
          const own = transactions.commit(writes);
          unanswered.add(own);
          own.catch(() => undefined).finally(() => unanswered.delete(own));
          return Promise.race(unanswered);
        },
      };
    },
  });
}

const contextOf = (process: SinkProcess): BreakContext => ({
  get kafka(): never {
    throw new Error('a replay has no broker');
  },
  commitAsConsumer: ({ offset, metadata }) =>
    process.commitAsConsumer({ records: [], offset, metadata: metadata ?? '' }),
});

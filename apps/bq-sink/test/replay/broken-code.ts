import { type BreakContext, SINK_BREAKS } from '../../../../test/faults/src/instrumented/sink-breaks';
import type { BreakName } from '../model/rules';
import type { LogBounds } from '../../src/streams/recovery';
import type { PartitionSinkParts } from '../../src/streams/sink-parts';
import type { Warehouse } from '../../src/streams/warehouse';
import type { Actor } from './actor';
import type { StageOptions } from './stage';

type Broken = Pick<StageOptions, 'broken' | 'fences'>;

/** The breaks of the model that exist as code too. Most of them the fault suite runs as processes. */
export const BROKEN_CODE: Readonly<Partial<Record<BreakName, Broken>>> = {
  noFinalize: {
    broken: (parts, actor) => {
      const broken = SINK_BREAKS['skip-finalize'](parts, contextOf(actor));
      const { warehouse } = broken;
      // The model still asks for the rows there; the code asks nobody, and goes on in its turn all the same.
      const finalize: Warehouse['finalize'] = (stream) => actor.finalize(stream, () => warehouse.finalize(stream));
      return { ...broken, warehouse: { ...warehouse, finalize } };
    },
  },
  commitBeforeAck: { broken: (parts, actor) => SINK_BREAKS['commit-before-ack'](parts, contextOf(actor)) },
  plainCommits: { broken: (parts, actor) => SINK_BREAKS['consumer-commits'](parts, contextOf(actor)) },
  renumbersInFlight: { broken: (parts, actor) => SINK_BREAKS['renumber-in-flight'](parts, contextOf(actor)) },
  endBeforeFinalize: { broken: looksOnce },
  endBeforeMax: { broken: looksOnce },
  takesLateAnswers: { broken: takingLateAnswers() },
  stopsThoughFenced: { broken: asksNobody },
  // There it is the transactional id that differs; here, what the coordinator makes of it.
  perInstanceIds: { fences: false },
};

/** Where something is committed, the log's end is looked at before the stream is ended, and not again. */
function looksOnce(parts: PartitionSinkParts): PartitionSinkParts {
  let isCommitted = false;
  let first: Promise<LogBounds> | undefined;
  return {
    ...parts,
    openTransactions: async () => {
      const transactions = await parts.openTransactions();
      isCommitted = transactions.committed.offset !== undefined;
      return transactions;
    },
    logBounds: () => (isCommitted ? (first ??= parts.logBounds()) : parts.logBounds()),
  };
}

/** What does not fit is taken for wrong. */
function asksNobody(parts: PartitionSinkParts): PartitionSinkParts {
  return {
    ...parts,
    openTransactions: async () => {
      const { committed, ...transactions } = await parts.openTransactions();
      return { ...transactions, committed, assertCurrent: () => Promise.resolve() };
    },
  };
}

/** A process takes the first answer to a commit of any of its sinks for the answer to its last one. */
function takingLateAnswers(): (parts: PartitionSinkParts) => PartitionSinkParts {
  const unanswered = new Set<Promise<void>>();
  return (parts) => ({
    ...parts,
    openTransactions: async () => {
      const { committed, ...transactions } = await parts.openTransactions();
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

const contextOf = (actor: Actor): BreakContext => ({
  get kafka(): never {
    throw new Error('there is no broker here');
  },
  commitAsConsumer: ({ offset, metadata }) => actor.commitAsConsumer({ records: [], offset, metadata: metadata ?? '' }),
});

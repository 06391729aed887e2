import type { PartitionRef } from '@orderstream/kafka';

/**
 * The steps of a partition's loop, in their order, between which a process may die, hang or lose its partition.
 *
 * 1 `fenced`: the transactional producer is open, older owners are shut out, the position is read.
 * 2 `restored`: the state is that of the position.
 * 3 `evaluated`: verdicts and changes of a batch exist, in memory only.
 * 4 `committed`: the transaction is known to be committed; the state does not have its changes yet.
 * 5 `folded`: the state has them; the next batch is not taken yet.
 * 6 `waiting`: a record waits for the catalog.
 */
export type FaultPoint = 'fenced' | 'restored' | 'evaluated' | 'committed' | 'folded' | 'waiting';

/** Where a fault can be put between two steps. */
export interface FaultPoints {
  reached(point: FaultPoint, partition: PartitionRef): void | Promise<void>;
}

/** Production: nothing happens. */
export const NO_FAULTS: FaultPoints = {
  reached: () => {
    // Nothing.
  },
};

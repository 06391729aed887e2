import type { TopicPartition } from '@orderstream/kafka';

/**
 * Points of a partition's loop at which a process may be killed, hang or lose its partition, in the order of the loop.
 *
 * 1 `fenced`: the transactional producer is open, older owners are fenced, the committed offset is read.
 * 2 `restored`: the state is that of the committed offset.
 * 3 `evaluated`: the batch has its verdicts and changes, in memory only.
 * 4 `committed`: the transaction is committed; the state in memory does not have its changes yet.
 * 5 `folded`: the state in memory has them; the next batch is not taken yet.
 * 6 `waiting`: a record waits for the catalog.
 */
export type FaultPoint = 'fenced' | 'restored' | 'evaluated' | 'committed' | 'folded' | 'waiting';

/** Injects faults. */
export interface FaultPoints {
  reached(point: FaultPoint, partition: TopicPartition): void | Promise<void>;
}

/** Injection token of the `FaultPoints`. */
export const FAULT_POINTS = Symbol('FAULT_POINTS');

/** For production: injects nothing. */
export const NO_FAULTS: FaultPoints = {
  reached: () => {
    // Nothing.
  },
};

import { type ObjectStore } from '../store/object-store';
import { type BlockName, type BlockOutput, type RunRecord } from '../runs/run';

/** What a block may use. */
export interface BlockContext {
  readonly run: RunRecord;
  readonly attempt: number;
  /** Empty at the start; deleted after the block. */
  readonly folder: string;
  readonly store: ObjectStore;
  /** The prefix of the files that this attempt writes. */
  readonly prefix: string;
  /** Aborted when the run is cancelled or its lease is lost. */
  readonly signal: AbortSignal;
  /** How far the block is. */
  progress(done: number, total?: number): void;
  /** Is called between two steps whose order matters: nothing is in flight then. */
  step(name: string): Promise<void>;
  /** Renews the lease. @throws LeaseLostError */
  assertLease(): Promise<void>;
}

/**
 * A step of a pipeline. It may be started again at any time: an attempt writes files of its own, and the run records
 * which attempt succeeded.
 */
export interface Block {
  readonly name: BlockName;
  run(context: BlockContext): Promise<BlockOutput>;
}

/** The output of an earlier block. */
export function outputOf(run: RunRecord, ...names: BlockName[]): BlockOutput {
  for (const name of names) {
    const output = run.blocks[name]?.output;
    if (output !== undefined) return output;
  }
  throw new TypeError(`${names.join(' or ')} of ${run.id} has no output`);
}

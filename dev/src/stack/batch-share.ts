import { join } from 'node:path';
import { type StackPaths } from '../paths';

/** What every process of the batch loader has in common in one home folder. */
export interface BatchShare {
  /** Folder of the runs, their locks and their files. */
  readonly store: string;
  /** Folder of the generator's journal: the days of the stream get the orders of the stream. */
  readonly journal: string;
  /** Seed of the generator, if it is not the default: the same vendors, products and customers. */
  readonly seed?: number | undefined;
}

export function batchShare({ data, ledger }: Pick<StackPaths, 'data' | 'ledger'>, seed?: number): BatchShare {
  return { store: join(data, 'batch'), journal: ledger, seed };
}

/** The variables of a process of the batch loader. */
export function batchShareEnv({ store, journal, seed }: BatchShare): NodeJS.ProcessEnv {
  return {
    BATCH_STORE: store,
    BATCH_SCRATCH_DIR: `${store}-scratch`,
    GENERATOR_LEDGER_DIR: journal,
    // Undefined: the default, whatever the variable was before.
    GENERATOR_SEED: seed === undefined ? undefined : String(seed),
  };
}

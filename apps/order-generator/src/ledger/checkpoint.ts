import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { type SequenceState } from '../simulation/sequence';
import { replaceFile } from './durable-file';
import { LedgerUnreadableError } from './errors';

const NAME = 'checkpoint.json';
/** Version of the state's format and meaning. Another version is not restored: a new marketplace starts. */
const VERSION = 1;

/** A state of the sequence. Every record before it is acknowledged or left out by a segment. */
export interface Checkpoint {
  readonly identity: MarketplaceIdentity;
  /** Number of segments that had begun. */
  readonly segments: number;
  /** The ledger file that holds the first lines after the checkpoint. */
  readonly ledgerFile: string;
  readonly sequence: SequenceState;
}

/** A checkpoint as text, which may be stored later than it was taken. */
export type CheckpointText = string;

export const formatCheckpoint = (checkpoint: Checkpoint): CheckpointText =>
  JSON.stringify({ version: VERSION, ...checkpoint });

export function storeCheckpoint(directory: string, text: CheckpointText): void {
  replaceFile(join(directory, NAME), text);
}

/** Undefined if there is none, or only one of another version. @throws LedgerUnreadableError */
export function loadCheckpoint(directory: string): Checkpoint | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  const stored = parse(path, text);
  return stored.version === VERSION ? stored : undefined;
}

/** `replaceFile` writes the file as a whole, so a checkpoint of this version has its shape. */
function parse(path: string, text: string): Checkpoint & { readonly version: number } {
  try {
    return JSON.parse(text) as Checkpoint & { readonly version: number };
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { type SequenceState } from '../simulation/sequence';
import { replaceFile } from './durable-file';
import { LedgerUnreadableError } from './errors';

const NAME = 'checkpoint.json';
/** Of the state's format and meaning. Another version is not read: a new generation begins. */
const VERSION = 1;

/** A sequence at a point before which every record was acknowledged, or is in no doubt any more. */
export interface Checkpoint {
  readonly identity: MarketplaceIdentity;
  /** How many epochs had begun. */
  readonly epochs: number;
  /** Segment in which the lines that follow begin. */
  readonly segment: string;
  readonly sequence: SequenceState;
}

/** A checkpoint as text: a picture of now, that may be stored later. */
export type CheckpointText = string;

export const formatCheckpoint = (checkpoint: Checkpoint): CheckpointText =>
  JSON.stringify({ version: VERSION, ...checkpoint });

export function storeCheckpoint(directory: string, text: CheckpointText): void {
  replaceFile(join(directory, NAME), text);
}

/** Undefined if there is none, or none that this version can go on from. @throws LedgerUnreadableError */
export function loadCheckpoint(directory: string): Checkpoint | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  const stored = parse(path, text);
  return stored.version === VERSION ? stored : undefined;
}

/** Written as a whole by this very code (`replaceFile`): what has the version has the shape. */
function parse(path: string, text: string): Checkpoint & { readonly version: number } {
  try {
    return JSON.parse(text) as Checkpoint & { readonly version: number };
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

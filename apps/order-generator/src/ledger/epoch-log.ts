import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Epoch } from '../simulation/epochs';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { AppendFile, cutTornLine, wholeLines } from './durable-file';
import { LedgerUnreadableError } from './errors';

const NAME = 'epochs.jsonl';

/** An epoch and whose it is. A new identity begins with a marketplace of its own. */
export interface RecordedEpoch extends Epoch {
  readonly identity: MarketplaceIdentity;
}

/** Every epoch that ever began here, in order. @throws LedgerUnreadableError */
export function readEpochs(directory: string): RecordedEpoch[] {
  const path = join(directory, NAME);
  if (!existsSync(path)) return [];
  const text = cutTornLine(path, readFileSync(path)).toString('utf8');
  try {
    return wholeLines(text).map((line) => JSON.parse(line) as RecordedEpoch);
  } catch (error) {
    throw new LedgerUnreadableError(path, error);
  }
}

/** All that content depends on, beside the code. An epoch is on the disk before its first record is made. */
export class EpochLog {
  private readonly file: AppendFile;

  constructor(
    directory: string,
    /** How many there are. */
    public count: number,
  ) {
    this.file = new AppendFile(join(directory, NAME));
  }

  add(epoch: RecordedEpoch): void {
    this.file.append(JSON.stringify(epoch));
    this.file.sync();
    this.count++;
  }

  close(): void {
    this.file.close();
  }
}

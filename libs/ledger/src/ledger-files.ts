import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseLedgerLine } from '@orderstream/contracts';
import { RunLedger } from './run-ledger';

/** Size of each ledger file at a point in time. What comes after it belongs to later runs. */
export type LedgerMark = ReadonlyMap<string, number>;

export function markLedger(folder: string): LedgerMark {
  return new Map(ledgerFiles(folder).map((file) => [file, statSync(join(folder, file)).size]));
}

/**
 * Reads the lines written since the mark. A last line that is not complete is ignored: a crash interrupted its write, and
 * no record of it was sent.
 */
export async function readLedgerSince(folder: string, mark: LedgerMark): Promise<RunLedger> {
  const ledger = new RunLedger();
  for (const file of ledgerFiles(folder)) {
    const path = join(folder, file);
    const start = mark.get(file) ?? 0;
    const size = statSync(path).size;
    if (size <= start) continue;
    const lines = createInterface({ input: createReadStream(path, { start, end: size - 1 }), crlfDelay: Infinity });
    let previous: string | undefined;
    for await (const line of lines) {
      if (previous !== undefined && previous !== '') ledger.add(parseLedgerLine(previous));
      previous = line;
    }
    if (previous !== undefined && previous !== '' && isComplete(previous)) ledger.add(parseLedgerLine(previous));
  }
  return ledger;
}

function isComplete(line: string): boolean {
  try {
    parseLedgerLine(line);
    return true;
  } catch {
    return false;
  }
}

/** Append-only NDJSON files. Their names sort in the order of their creation. */
function ledgerFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ndjson'))
    .sort();
}

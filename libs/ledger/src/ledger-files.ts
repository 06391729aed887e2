import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseLedgerLine } from '@orderstream/contracts';
import { RunLedger } from './run-ledger';

/** How long each file of the ledger was at some moment: what comes after belongs to what began then. */
export type LedgerMark = ReadonlyMap<string, number>;

export function markLedger(folder: string): LedgerMark {
  return new Map(ledgerFiles(folder).map((file) => [file, statSync(join(folder, file)).size]));
}

/**
 * Reads what was written to the ledger since the mark. A last line without its end was cut off by a crash, before anything
 * that it tells of was sent: it is not read.
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
    if (previous !== undefined && previous !== '' && isWhole(previous)) ledger.add(parseLedgerLine(previous));
  }
  return ledger;
}

function isWhole(line: string): boolean {
  try {
    parseLedgerLine(line);
    return true;
  } catch {
    return false;
  }
}

/** Append-only NDJSON files; their names sort in the order in which they were begun. */
function ledgerFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ndjson'))
    .sort();
}

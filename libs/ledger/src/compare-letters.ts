import { type Differences } from './differences';
import { groupBy } from './group-by';

export const LETTERS_TABLE = 'dead_letters';

/** A dead letter, or its row. */
export interface Letter {
  /** Of the dead letter itself. */
  readonly offset: number;
  readonly reason: string;
  readonly attempt: number;
  /** Undefined for a record that is no dead letter. */
  readonly sourceOffset: number | undefined;
}

/** One partition of a dead-letter topic between two snapshots, and its rows. */
export interface LetterEvidence {
  readonly topic: string;
  readonly partition: number;
  /** The committed offset of the group that fills the table, read before `rows`. */
  readonly committed: number;
  readonly letters: readonly Letter[];
  readonly rows: readonly Letter[];
}

/**
 * Compares a dead-letter topic with the table of dead letters: every letter is one row, at its own coordinates, and reports
 * the same failure.
 *
 * @returns how many rows below the committed offset are missing: they are lost, not late
 */
export function compareLetters(
  differences: Differences,
  { topic, partition, committed, letters, rows }: LetterEvidence,
): number {
  const where = `${LETTERS_TABLE}: ${topic}/${String(partition)}`;
  const left = groupBy(rows, (row) => row.offset);
  let lost = 0;
  for (const letter of letters) {
    const { offset } = letter;
    const found = left.get(offset) ?? [];
    left.delete(offset);
    const at = `${where}@${String(offset)}`;
    if (found.length === 0) {
      differences.add('missing', `${at} has no row`);
      if (offset < committed) lost++;
    }
    if (found.length > 1) differences.add('duplicated', `${at} has ${String(found.length)} rows`, found.length - 1);
    if (found.some((row) => !isSame(row, letter))) {
      differences.add('unexplained', `${at} has a row of another failure`);
    }
  }
  for (const [offset, found] of left) {
    differences.add('unexplained', `${where} has a row at ${String(offset)}, where no dead letter is`, found.length);
  }
  return lost;
}

/** How many records from this offset on the letters are of. A replay that fails again is a further letter of its record. */
export function recordsRejectedSince(letters: readonly Letter[], since: number): number {
  const offsets = letters.map(({ sourceOffset = -1 }) => sourceOffset).filter((offset) => offset >= since);
  return new Set(offsets).size;
}

const isSame = (row: Letter, letter: Letter): boolean =>
  row.reason === letter.reason && row.attempt === letter.attempt && row.sourceOffset === letter.sourceOffset;

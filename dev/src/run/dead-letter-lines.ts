import { CE } from '@orderstream/contracts';
import { type DeadLetter } from '@orderstream/dead-letters';
import { cellText, formatTable } from './format-table';

/** A table with one line per dead letter, in the order that is given. */
export function deadLetterTable(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return '(no dead letters)';
  const rows = letters.map((letter) => {
    const type = letter.headers[CE.type];
    const [first] = letter.reasons;
    return {
      failed_at: letter.failedAt.toISOString(),
      app: letter.app,
      reason: letter.reason,
      path: first?.path ?? '',
      constraint: first?.constraint ?? '',
      event_type: Buffer.isBuffer(type) ? type.toString('utf8') : '',
      source: `${letter.source.topic}/${String(letter.source.partition)}@${String(letter.source.offset)}`,
      value: valueOf(letter),
    };
  });
  return formatTable(rows);
}

function valueOf({ value, batch }: DeadLetter): string {
  if (batch !== undefined) return `(record batch of ${String(batch.bytes)} bytes: produce its records again)`;
  return value === null ? '(tombstone)' : cellText(value.subarray(0, 400));
}

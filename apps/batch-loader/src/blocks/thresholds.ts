import { RejectThresholdError } from '../errors';
import { totalOf } from '../runs/run';

/** Highest share of the rows that a rule may reject, by rule; `*`: all rules together. */
export type Thresholds = Readonly<Record<string, number>>;

const ALL = '*';

/** @throws RejectThresholdError with every limit that is exceeded */
export function assertThresholds(
  rows: number,
  rejected: Readonly<Record<string, number>>,
  thresholds: Thresholds,
): void {
  if (rows === 0) return;
  const exceeded: string[] = [];
  for (const [rule, limit] of Object.entries(thresholds)) {
    const count = rule === ALL ? totalOf(rejected) : (rejected[rule] ?? 0);
    if (count / rows <= limit) continue;
    const what = rule === ALL ? `all rules together (${countsText(rejected)})` : rule;
    exceeded.push(`${what}: ${count} of ${rows} rows, ${percent(count / rows)}, above ${percent(limit)}`);
  }
  if (exceeded.length === 0) return;
  throw new RejectThresholdError(
    `Too many rows were rejected, by ${exceeded.join('; by ')}. Nothing was loaded into raw_orders. ` +
      'The rows are in the table dead_letters (source = batch). Correct the data and start a new run, or raise BATCH_MAX_REJECTED_SHARE and resume this one.',
  );
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([rule, count]) => `${rule} ${count}`)
    .join(', ');

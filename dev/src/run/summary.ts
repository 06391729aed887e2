import { type Accounts, type ComparisonResult, isAccountedFor } from '@orderstream/ledger';

export interface RunResult extends ComparisonResult {
  /** From the start of the generator until every event was accounted for, or until the run stalled. */
  readonly seconds: number;
  /** The message of the NoProgressError, if the run stalled. */
  readonly stalled: string | undefined;
}

export function isGood({ accounts, counterDifferences, stalled }: RunResult): boolean {
  return stalled === undefined && counterDifferences.length === 0 && isAccountedFor(accounts);
}

/** The summary of a run as one line of JSON. */
export function summaryJson(result: RunResult): string {
  const { accounts, counterDifferences, seconds } = result;
  const { examples, ...counts } = accounts;
  return JSON.stringify({
    ...counts,
    seconds: round(seconds),
    eventsPerSecond: round(accounts.generated / seconds),
    accountedFor: isGood(result),
    ...(result.stalled === undefined ? {} : { stalled: result.stalled }),
    ...(counterDifferences.length === 0 ? {} : { counterDifferences }),
    ...(examples.length === 0 ? {} : { examples }),
  });
}

/** The summary of a run as text. */
export function summaryLines(result: RunResult): string[] {
  const { accounts, counterDifferences, seconds, stalled } = result;
  const number = (value: number): string => value.toLocaleString('en-US');
  const { accepted, repaired, skipped, deadLettered, generated, resent } = accounts;
  const again = resent === 0 ? '' : ` + ${number(resent)} sent again`;
  return [
    `${number(generated)} generated${again} = ${number(accepted)} accepted + ${number(repaired)} repaired + ${number(skipped)} skipped + ${number(deadLettered)} dead-lettered`,
    ...Object.entries(accounts.tables).map(([table, rows]) => `  ${table}: ${number(rows)}`),
    ...differenceLines(accounts),
    ...counterDifferences,
    ...(stalled === undefined ? [] : [stalled]),
    `${isGood(result) ? 'Everything is accounted for' : 'NOT everything is accounted for'}, ${seconds.toFixed(1)} s, ${number(Math.round(generated / seconds))} events/s`,
  ];
}

function differenceLines(accounts: Accounts): string[] {
  const others = (
    ['unsent', 'unexplained', 'outOfOrder', 'wrongVerdicts', 'rejected', 'redelivered', 'foreign'] as const
  ).filter((kind) => accounts[kind] > 0);
  return [
    `missing ${String(accounts.missing)}, duplicated ${String(accounts.duplicated)}`,
    ...others.map((kind) => `${kind} ${String(accounts[kind])}`),
    ...accounts.examples.map((example) => `  ${example}`),
  ];
}

const round = (value: number): number => Math.round(value * 10) / 10;

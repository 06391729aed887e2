import { type Accounts, type Closing, isAccountedFor } from '@orderstream/ledger';

export interface RunResult extends Closing {
  /** From the generator's start until everything was accounted for, or stood still. */
  readonly seconds: number;
  /** Why the wait was given up, if it was. */
  readonly stalled: string | undefined;
}

export function isGood({ accounts, counterDifferences, stalled }: RunResult): boolean {
  return stalled === undefined && counterDifferences.length === 0 && isAccountedFor(accounts);
}

/** The accounts as one line of JSON, for machines. */
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

/** The same for people, one line each. */
export function summaryLines(result: RunResult): string[] {
  const { accounts, counterDifferences, seconds, stalled } = result;
  const number = (value: number): string => value.toLocaleString('en-US');
  const { accepted, repaired, skipped, deadLettered, generated } = accounts;
  return [
    `${number(generated)} generated = ${number(accepted)} accepted + ${number(repaired)} repaired + ${number(skipped)} skipped + ${number(deadLettered)} dead-lettered`,
    ...Object.entries(accounts.tables).map(([table, rows]) => `  ${table}: ${number(rows)}`),
    ...troubleLines(accounts),
    ...counterDifferences,
    ...(stalled === undefined ? [] : [stalled]),
    `${isGood(result) ? 'Everything is accounted for' : 'NOT everything is accounted for'}, ${seconds.toFixed(1)} s, ${number(Math.round(generated / seconds))} events/s`,
  ];
}

function troubleLines(accounts: Accounts): string[] {
  const troubles = (
    [
      'unsent',
      'missing',
      'duplicated',
      'unexplained',
      'outOfOrder',
      'wrongVerdicts',
      'rejected',
      'redelivered',
      'foreign',
    ] as const
  ).filter((kind) => accounts[kind] > 0);
  return [
    `missing ${String(accounts.missing)}, duplicated ${String(accounts.duplicated)}`,
    ...troubles
      .filter((kind) => kind !== 'missing' && kind !== 'duplicated')
      .map((kind) => `${kind} ${String(accounts[kind])}`),
    ...accounts.examples.map((example) => `  ${example}`),
  ];
}

const round = (value: number): number => Math.round(value * 10) / 10;

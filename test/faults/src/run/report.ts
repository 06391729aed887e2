import { type Inflicted, isSuiteGreen, type SuiteResult } from './suite';
import { type Verdict } from './verdict';

export interface ReportContext {
  readonly command: string;
  readonly seed: number;
  readonly rate: number;
  readonly badShare: number;
  readonly maxLag: number;
}

const number = (value: number): string => value.toLocaleString('en-US');
const seconds = (value: number): string => value.toFixed(1);
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** What a run of the suite found, as Markdown. */
export function renderReport(result: SuiteResult, context: ReportContext): string {
  const all = result.rounds.flatMap(({ inflicted }) => inflicted);
  const loadSeconds = result.rounds.reduce((sum, round) => sum + round.seconds, 0);
  const rested = result.rounds.reduce((sum, round) => sum + round.restedSeconds, 0);
  const generated = result.whole.accounts.generated;
  return [
    '# Faults',
    '',
    `${isSuiteGreen(result) ? 'Green' : '**Red**'}: ${number(all.length)} faults over ${number(generated)} records in ${number(Math.round(result.seconds))} s. Seed ${String(context.seed)}:`,
    '',
    '```',
    context.command,
    '```',
    '',
    `Load: ${number(context.rate)} events a second, ${String(context.badShare * 100)} % of them bad; it rests while more than ${number(context.maxLag)} records wait (${number(Math.round(rested))} of ${number(Math.round(loadSeconds))} s). On average ${number(Math.round(generated / loadSeconds))} events a second, faults included.`,
    '',
    '## Verdict',
    '',
    'By comparison of the ledger with topics and tables. Lost, doubled, out of order and unexplained must be 0; `streaming_orders` may hold a record more than once (redelivered).',
    '',
    row([
      'round',
      'faults',
      'records',
      'lost',
      'doubled',
      'out of order',
      'unexplained',
      'wrong verdicts',
      'unsent',
      'redelivered',
      'lost by Pub/Sub, sent again',
      'longest queue',
    ]),
    row(Array.from({ length: 13 }, () => '--:')),
    ...result.rounds.map(({ verdict, inflicted, maxLag }, index) =>
      row([index + 1, inflicted.length, ...verdictCells(verdict), number(maxLag)]),
    ),
    row(['all', all.length, ...verdictCells(result.whole), '']),
    '',
    ...troubles(result),
    '## Recovery',
    '',
    'Seconds from the end of the fault (the kill, or the moment when all was whole again): until the committed position of every partition that had something to do had moved, and until all that was in the input at the end of the fault was committed. Largest of each fault’s consumers.',
    '',
    row([
      'fault',
      'times',
      'moved, median',
      'moved, longest',
      'caught up, median',
      'caught up, longest',
      'largest backlog',
    ]),
    row(['---', ...Array.from({ length: 6 }, () => '--:')]),
    ...recoveryRows(all),
    '',
    '## Schedule',
    '',
    ...result.rounds.flatMap(({ inflicted }, index) => [
      `${String(index + 1)}. ${inflicted.map(({ fault, detail }) => (detail === undefined ? fault.name : `${fault.name} (${detail})`)).join(', ')}`,
    ]),
    '',
  ].join('\n');
}

function verdictCells({ accounts, lostByPubSub }: Verdict): string[] {
  const { generated, missing, duplicated, outOfOrder, unexplained, wrongVerdicts, unsent, refused, redelivered } =
    accounts;
  return [
    generated,
    missing,
    duplicated,
    outOfOrder,
    unexplained,
    wrongVerdicts,
    unsent,
    refused,
    redelivered,
    lostByPubSub,
  ].map(number);
}

function troubles({ rounds, whole }: SuiteResult): string[] {
  const lines = [
    ...rounds.flatMap(({ inflicted }) =>
      inflicted.flatMap(({ fault, failure }) => (failure === undefined ? [] : [`${fault.name}: ${failure}`])),
    ),
    ...[...rounds.map(({ verdict }) => verdict), whole].flatMap(({ stalled, counterDifferences, accounts }) => [
      ...(stalled === undefined ? [] : [stalled]),
      ...counterDifferences,
      ...accounts.examples,
    ]),
  ];
  return lines.length === 0 ? [] : ['## Troubles', '', ...[...new Set(lines)].map((line) => `- ${line}`), ''];
}

function recoveryRows(all: readonly Inflicted[]): string[] {
  const byName = new Map<string, Inflicted[]>();
  for (const each of all) byName.set(each.fault.name, [...(byName.get(each.fault.name) ?? []), each]);
  return [...byName].map(([name, each]) => {
    const largest = (value: (recovery: Inflicted['recoveries'][number]) => number): number[] =>
      each.flatMap(({ recoveries }) => (recoveries.length === 0 ? [] : [Math.max(...recoveries.map(value))]));
    const moved = largest(({ movedSeconds }) => movedSeconds);
    const caughtUp = largest(({ caughtUpSeconds }) => caughtUpSeconds);
    const backlog = largest((recovery) => recovery.backlog);
    if (moved.length === 0) return row([name, each.length, '', '', '', '', '']);
    return row([
      name,
      each.length,
      seconds(median(moved)),
      seconds(Math.max(...moved)),
      seconds(median(caughtUp)),
      seconds(Math.max(...caughtUp)),
      number(Math.max(...backlog)),
    ]);
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

import { ROLLING_LAG_LIMIT_SECONDS } from '../faults/deployments';
import { DRAIN_LIMIT_MS } from '../faults/shutdown';
import { type InjectedFault, type SuiteResult } from './results';
import { type Verdict } from './verdict';

export interface ReportContext {
  /** Of the run, the models included. */
  readonly isGreen: boolean;
  readonly command: string;
  readonly seed: number;
  readonly rate: number;
  readonly defectRate: number;
  readonly maxLag: number;
}

const number = (value: number): string => value.toLocaleString('en-US');
const seconds = (value: number): string => value.toFixed(1);
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const head = (cells: readonly string[], texts: number): string[] => [
  row(cells),
  row(cells.map((_, index) => (index < texts ? '---' : '--:'))),
];

/** The result of a run, as Markdown. */
export function renderReport(result: SuiteResult, context: ReportContext): string {
  const all = result.rounds.flatMap(({ injected }) => injected);
  const loadSeconds = result.rounds.reduce((sum, round) => sum + round.seconds, 0);
  const paused = result.rounds.reduce((sum, round) => sum + round.pausedSeconds, 0);
  const { generated, planted } = result.whole.accounts;
  const kinds = new Set(all.map(({ fault }) => fault.name)).size;
  const alone = all.filter(({ isPaired }) => !isPaired);
  const paired = all.filter(({ isPaired }) => isPaired);
  return [
    '# Faults',
    '',
    `${context.isGreen ? 'Green' : '**Red**'}: ${number(all.length)} faults of ${number(kinds)} kinds, ${number(paired.length)} of them in pairs, over ${number(generated)} records and ${number(planted)} of poison, in ${number(Math.round(result.seconds))} s. Seed ${String(context.seed)}:`,
    '',
    '```',
    context.command,
    '```',
    '',
    `Load: ${number(context.rate)} events per second, ${String(context.defectRate * 100)} % of them defective, paused while more than ${number(context.maxLag)} records wait (${number(Math.round(paused))} of ${number(Math.round(loadSeconds))} s). On average ${number(Math.round(generated / loadSeconds))} events per second, during faults and pauses too.`,
    '',
    '## Verdict',
    '',
    'The comparison of the ledger with topics and tables. Lost, doubled, out of order, unexplained and wrong verdicts must be 0. `streaming_orders` may hold a record more than once (redelivered). A poison record must be one dead letter with its reason, or one validated record if it must be accepted; otherwise it counts as lost, doubled or wrong. Passed over are the records of a damaged batch that an operator has skipped: each must be in the one dead letter of its batch, and nowhere else.',
    '',
    ...head(
      [
        'round',
        'faults',
        'records',
        'poison',
        'passed over',
        'lost',
        'doubled',
        'out of order',
        'unexplained',
        'wrong verdicts',
        'unsent',
        'rejected',
        'redelivered',
        'lost by Pub/Sub, published again',
        'largest lag',
      ],
      0,
    ),
    ...result.rounds.map(({ verdict, injected, maxLag }, index) =>
      row([index + 1, injected.length, ...verdictCells(verdict), number(maxLag)]),
    ),
    row(['all', all.length, ...verdictCells(result.whole), '']),
    '',
    ...problems(result),
    '## Recovery',
    '',
    'Seconds from the end of the fault (the kill, or the moment when everything works again) until the committed offset of every partition with a lag has moved, and until everything in the input at the end of the fault is committed. The generator and the subscription emulator commit no offsets: they have recovered when the raw topics, or the table, grow. Of the services that a fault affects, the slowest counts. Faults in pairs have rows of their own: both affect the times.',
    '',
    ...head(
      [
        'fault',
        'times',
        'moved, median',
        'moved, longest',
        'caught up, median',
        'caught up, longest',
        'largest backlog',
      ],
      1,
    ),
    ...recoveryRows([...alone, ...paired]),
    '',
    ...measured(all),
    '## Schedule',
    '',
    ...result.rounds.flatMap(({ injected }, index) => [`${String(index + 1)}. ${injected.map(described).join(', ')}`]),
    '',
  ].join('\n');
}

const nameOf = ({ fault, isPaired }: InjectedFault): string => `${fault.name}${isPaired ? ' [in a pair]' : ''}`;

const described = (injected: InjectedFault): string =>
  `${nameOf(injected)}${injected.outcome.detail === undefined ? '' : ` (${injected.outcome.detail})`}`;

function verdictCells({ accounts, lostByPubSub }: Verdict): string[] {
  return [
    accounts.generated,
    accounts.planted,
    accounts.passedOver,
    accounts.missing,
    accounts.duplicated,
    accounts.outOfOrder,
    accounts.unexplained,
    accounts.wrongVerdicts,
    accounts.unsent,
    accounts.rejected,
    accounts.redelivered,
    lostByPubSub,
  ].map(number);
}

function problems({ planned, rounds, whole }: SuiteResult): string[] {
  const lines = [
    ...rounds.flatMap(({ injected }) =>
      injected.flatMap(({ fault, failures }) => failures.map((failure) => `${fault.name}: ${failure}`)),
    ),
    ...(whole.accounts.generated >= planned
      ? []
      : [`compared ${number(whole.accounts.generated)} of ${number(planned)} planned records`]),
    ...(whole.ofUnknownOrigin === 0
      ? []
      : [`${number(whole.accounts.foreign)} foreign records, ${number(whole.ofUnknownOrigin)} of unknown origin`]),
    ...[...rounds.map(({ verdict }) => verdict), whole].flatMap(({ stalled, counterDifferences, accounts }) => [
      ...(stalled === undefined ? [] : [stalled]),
      ...counterDifferences,
      ...accounts.examples,
    ]),
  ];
  return lines.length === 0 ? [] : ['## Problems', '', ...[...new Set(lines)].map((line) => `- ${line}`), ''];
}

function recoveryRows(all: readonly InjectedFault[]): string[] {
  return grouped(all, nameOf).map(([name, each]) => {
    const largest = (value: (recovery: InjectedFault['recoveries'][number]) => number | undefined): number[] =>
      each.flatMap(({ recoveries }) => {
        const values = recoveries.map(value).filter((found) => found !== undefined);
        return values.length === 0 ? [] : [Math.max(...values)];
      });
    const times = (values: readonly number[]): string[] =>
      values.length === 0 ? ['', ''] : [seconds(median(values)), seconds(Math.max(...values))];
    const backlog = largest((recovery) => recovery.backlog);
    return row([
      name,
      each.length,
      ...times(largest(({ movedSeconds }) => movedSeconds)),
      ...times(largest(({ caughtUpSeconds }) => caughtUpSeconds)),
      backlog.length === 0 ? '' : number(Math.max(...backlog)),
    ]);
  });
}

/** Drains, lags, times until ready: the measures of the faults. */
function measured(all: readonly InjectedFault[]): string[] {
  const values = all.flatMap(({ fault, outcome }) =>
    Object.entries(outcome.measures ?? {}).map(([measure, value]) => ({ fault: fault.name, measure, value })),
  );
  if (values.length === 0) return [];
  const shown = (value: number, measure: string): string =>
    measure.endsWith(' s') ? seconds(value) : number(Math.round(value));
  return [
    '## Measured',
    '',
    `After SIGTERM a service must exit within ${String(DRAIN_LIMIT_MS / 1_000)} s, with code 0. A rolling restart may add ${String(ROLLING_LAG_LIMIT_SECONDS)} s to the lag. While another fault makes unavailable what a service needs, the numbers are reported without a limit.`,
    '',
    ...head(['fault', 'measure', 'times', 'median', 'largest'], 2),
    ...grouped(values, ({ fault, measure }) => `${fault} | ${measure}`).map(([name, each]) => {
      const numbers = each.map(({ value }) => value);
      const measure = each[0]?.measure ?? '';
      return row([name, each.length, shown(median(numbers), measure), shown(Math.max(...numbers), measure)]);
    }),
    '',
  ];
}

function grouped<T>(items: readonly T[], nameOf: (item: T) => string): (readonly [string, readonly T[]])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(nameOf(item), [...(groups.get(nameOf(item)) ?? []), item]);
  return [...groups];
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

import { DRAIN_LIMIT_MS } from '../faults/departure';
import { ROLLING_LAG_LIMIT_SECONDS } from '../faults/deployments';
import { type Inflicted, type SuiteResult } from './results';
import { type Verdict } from './verdict';

export interface ReportContext {
  /** Whether everything held that the run looked at, the models included. */
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

/** What a run of the suite found, as Markdown. */
export function renderReport(result: SuiteResult, context: ReportContext): string {
  const all = result.rounds.flatMap(({ inflicted }) => inflicted);
  const loadSeconds = result.rounds.reduce((sum, round) => sum + round.seconds, 0);
  const rested = result.rounds.reduce((sum, round) => sum + round.restedSeconds, 0);
  const { generated, planted } = result.whole.accounts;
  const kinds = new Set(all.map(({ fault }) => fault.name)).size;
  const alone = all.filter(({ isAccompanied }) => !isAccompanied);
  const paired = all.filter(({ isAccompanied }) => isAccompanied);
  return [
    '# Faults',
    '',
    `${context.isGreen ? 'Green' : '**Red**'}: ${number(all.length)} faults of ${number(kinds)} kinds, ${number(paired.length)} of them in pairs, over ${number(generated)} records and ${number(planted)} of poison, in ${number(Math.round(result.seconds))} s. Seed ${String(context.seed)}:`,
    '',
    '```',
    context.command,
    '```',
    '',
    `Load: ${number(context.rate)} events a second, ${String(context.defectRate * 100)} % of them bad; it rests while more than ${number(context.maxLag)} records wait (${number(Math.round(rested))} of ${number(Math.round(loadSeconds))} s). On average ${number(Math.round(generated / loadSeconds))} events a second, faults included.`,
    '',
    '## Verdict',
    '',
    'By comparison of the ledger with topics and tables. Lost, doubled, out of order, unexplained and wrong verdicts must be 0; `streaming_orders` may hold a record more than once (redelivered). A record of poison must be one dead letter for its reason: it counts as lost, doubled or wrong like any other.',
    '',
    ...head(
      [
        'round',
        'faults',
        'records',
        'poison',
        'lost',
        'doubled',
        'out of order',
        'unexplained',
        'wrong verdicts',
        'unsent',
        'rejected',
        'redelivered',
        'lost by Pub/Sub, sent again',
        'longest queue',
      ],
      0,
    ),
    ...result.rounds.map(({ verdict, inflicted, maxLag }, index) =>
      row([index + 1, inflicted.length, ...verdictCells(verdict), number(maxLag)]),
    ),
    row(['all', all.length, ...verdictCells(result.whole), '']),
    '',
    ...troubles(result),
    '## Recovery',
    '',
    'Seconds from the end of the fault (the kill, or the moment when all was whole again): until the committed position of every partition that had something to do had moved, and until all that was in the input at the end of the fault was committed. The generator and the emulator for the subscription keep no position: they are back when the raw topics, or their table, grow again. Largest of those whom a fault hurts; faults in pairs share their times and have rows of their own.',
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
    ...result.rounds.flatMap(({ inflicted }, index) => [
      `${String(index + 1)}. ${inflicted.map(described).join(', ')}`,
    ]),
    '',
  ].join('\n');
}

const nameOf = ({ fault, isAccompanied }: Inflicted): string => `${fault.name}${isAccompanied ? ' [in a pair]' : ''}`;

const described = (inflicted: Inflicted): string =>
  `${nameOf(inflicted)}${inflicted.outcome.detail === undefined ? '' : ` (${inflicted.outcome.detail})`}`;

function verdictCells({ accounts, lostByPubSub }: Verdict): string[] {
  return [
    accounts.generated,
    accounts.planted,
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

function troubles({ planned, rounds, whole }: SuiteResult): string[] {
  const lines = [
    ...rounds.flatMap(({ inflicted }) =>
      inflicted.flatMap(({ fault, failures }) => failures.map((failure) => `${fault.name}: ${failure}`)),
    ),
    ...(whole.accounts.generated >= planned
      ? []
      : [`${number(whole.accounts.generated)} of ${number(planned)} records that were planned`]),
    ...(whole.sentByNobody === 0
      ? []
      : [`${number(whole.accounts.foreign)} foreign records, ${number(whole.sentByNobody)} of them sent by nobody`]),
    ...[...rounds.map(({ verdict }) => verdict), whole].flatMap(({ stalled, counterDifferences, accounts }) => [
      ...(stalled === undefined ? [] : [stalled]),
      ...counterDifferences,
      ...accounts.examples,
    ]),
  ];
  return lines.length === 0 ? [] : ['## Troubles', '', ...[...new Set(lines)].map((line) => `- ${line}`), ''];
}

function recoveryRows(all: readonly Inflicted[]): string[] {
  return grouped(all, nameOf).map(([name, each]) => {
    const largest = (value: (recovery: Inflicted['recoveries'][number]) => number | undefined): number[] =>
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

/** Drains, lags, times until ready: what faults measure beside recovery. */
function measured(all: readonly Inflicted[]): string[] {
  const values = all.flatMap(({ fault, outcome }) =>
    Object.entries(outcome.measures ?? {}).map(([measure, value]) => ({ fault: fault.name, measure, value })),
  );
  if (values.length === 0) return [];
  const shown = (value: number, measure: string): string =>
    measure.endsWith(' s') ? seconds(value) : number(Math.round(value));
  return [
    '## Measured',
    '',
    `A service that is told to end has to be gone within ${String(DRAIN_LIMIT_MS / 1_000)} s, with exit code 0. While instances are replaced one by one, what waits for its commit may wait for ${String(ROLLING_LAG_LIMIT_SECONDS)} s more than before. Where another fault of the same moment takes away what that needs, the numbers are told and not evaluated.`,
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

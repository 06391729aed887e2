import { Argument, type Command, Option } from 'commander';
import { type Run, type RunBlock, runSchema, runsSchema } from '../api/answers';
import { day, duration, integer, runId, time } from '../arguments';
import { mayHaveSucceeded, ProblemError, TimedOutError } from '../errors';
import { EXIT_CODES } from '../exit-codes';
import { type Colour } from '../output/colours';
import { formatCount, renderFields, type Column } from '../output/table';
import { type Runtime, type Session } from '../session';

const BATCH_LOADER = 'batch-loader';
const SUCCEEDED = 'succeeded';
const ENDED = [SUCCEEDED, 'failed', 'cancelled'];
const MAX_RUNS = 1_000;
const MAX_ROWS = 100_000_000;
const POLL_MS = 1_000;
const SECOND_MS = 1_000;

interface WatchOptions {
  readonly watch?: boolean;
  readonly deadline?: number;
}
interface StartOptions extends WatchOptions {
  readonly from: string;
  readonly to: string;
  readonly rows?: number;
  readonly scenario?: string;
  readonly partition?: string;
  readonly scheduledAt?: string;
}

/** `ctl runs list|show|start|resume|cancel` */
export function addRuns(program: Command, { session, now }: Runtime): void {
  const group = program.command('runs').description('batch runs: the history that is loaded into raw_orders');
  const run = (): Argument => new Argument('<run>', 'id of the run').argParser(runId);

  group
    .command('list')
    .description('list the runs, the newest first')
    .option('--limit <n>', 'how many', integer(1, MAX_RUNS), 20)
    .action(async ({ limit }: { readonly limit: number }) => {
      const current = session();
      const { body } = await current.service(BATCH_LOADER).get('/admin/runs', runsSchema, { limit });
      current.result(body, () => current.table(RUN_COLUMNS, body.runs, '(no runs)'));
    });

  group
    .command('show')
    .description('show a run, and the last attempt of each of its blocks')
    .addArgument(run())
    .action(async (id: string) => {
      const current = session();
      const { body } = await current.service(BATCH_LOADER).get(`/admin/runs/${id}`, runSchema);
      current.result(body, () => runText(current, body));
    });

  watchable(
    group
      .command('start')
      .description('replace the orders of some days: one run for each month, one after the other')
      .requiredOption('--from <day>', 'first day (UTC), such as 2026-01-01', day)
      .requiredOption('--to <day>', 'last day (UTC), which has ended', day)
      .option('--rows <n>', 'orders expected in all (default: the rate of the history)', integer(1, MAX_ROWS))
      .option('--scenario <name>', 'scenario of the history, such as original')
      .addOption(new Option('--partition <days>', 'days of one run').choices(['day', 'month', 'range']))
      .option('--scheduled-at <time>', 'time of the runs (default: now); a repetition starts nothing', time(now)),
  ).action(async ({ watch, deadline, scheduledAt, ...rest }: StartOptions) => {
    const current = session();
    // The time makes a repetition the same command.
    const scheduled = scheduledAt ?? wholeSecond(now());
    const body = { ...rest, scheduledAt: scheduled };
    const { body: started } = await withTime(scheduled, current, () =>
      current.service(BATCH_LOADER).request('POST', '/admin/runs', runsSchema, { body }),
    );
    if (watch === true) await follow(current, started.runs, deadline);
    else current.result(started, () => current.table(RUN_COLUMNS, started.runs, '(no runs)'));
  });

  watchable(
    group
      .command('resume')
      .description('go on with a run at its first block that has not succeeded')
      .addArgument(run()),
  ).action(async (id: string, { watch, deadline }: WatchOptions) => {
    const current = session();
    const { body } = await current
      .service(BATCH_LOADER)
      .request('POST', `/admin/runs/${id}/resume`, runSchema, { body: {} });
    if (watch === true) await follow(current, [body], deadline);
    else current.result(body, () => `${resumedText(body)}\n\nNext: ctl runs show ${id}`);
  });

  group
    .command('cancel')
    .description('cancel a run: the table stays as it is')
    .addArgument(run())
    .action(async (id: string) => {
      const current = session();
      const { body } = await current
        .service(BATCH_LOADER)
        .request('POST', `/admin/runs/${id}/cancel`, runSchema, { body: {} });
      const ends = ENDED.includes(body.state) ? '' : ' It ends within seconds: look again.';
      current.result(body, () => `${runText(current, body)}\n\nThe run is cancelled.${ends}`);
    });
}

function watchable(command: Command): Command {
  return command
    .option('--watch', 'wait until it has ended')
    .option('--deadline <duration>', 'with --watch: how long to wait (default: no limit)', duration);
}

const wholeSecond = (ms: number): string => new Date(Math.floor(ms / SECOND_MS) * SECOND_MS).toISOString();

/** A start without an answer may have started the runs: with the same time, a repetition is safe. */
async function withTime<T>(scheduledAt: string, session: Session, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    // A conflict can come behind the first of several runs.
    const isConflict = error instanceof ProblemError && error.problem.status === 409;
    if (mayHaveSucceeded(error) || isConflict)
      session.note(`Repeat the command with --scheduled-at ${scheduledAt}: it starts nothing twice.`);
    throw error;
  }
}

/** Waits until the runs have ended, with a line for each change. */
async function follow(session: Session, runs: readonly Run[], deadlineMs: number | undefined): Promise<void> {
  const { now, delay } = session.terminal;
  const client = session.service(BATCH_LOADER);
  const endMs = deadlineMs === undefined ? Infinity : now() + deadlineMs;
  const ended: Run[] = [];
  for (const { id } of runs) {
    let shown = '';
    for (;;) {
      const { body } = await client.get(`/admin/runs/${id}`, runSchema);
      const line = progressLine(body);
      if (line !== shown) session.note(line);
      shown = line;
      if (ENDED.includes(body.state)) {
        ended.push(body);
        break;
      }
      if (now() >= endMs)
        throw new TimedOutError(`Run ${id} did not end before the deadline. It goes on: ctl runs show ${id}`);
      await delay(POLL_MS);
    }
  }
  session.result({ runs: ended }, () => session.table(RUN_COLUMNS, ended, '(no runs)'));
  const failed = ended.find(({ state }) => state !== SUCCEEDED);
  if (failed === undefined) return;
  session.note(`Run ${failed.id} is ${failed.state}. Go on with it: ctl runs resume ${failed.id}`);
  session.exitCode = EXIT_CODES.rejected.code;
}

/** The answer is the run as it is: one that has succeeded has nothing to go on with. */
const resumedText = ({ id, state }: Run): string =>
  state === SUCCEEDED ? `Run ${id} has succeeded already: nothing was done.` : `Run ${id} is resumed.`;

function progressLine({ id, state, blocks }: Run): string {
  const last = blocks.at(-1);
  const block = last === undefined ? '' : `, ${last.block} ${last.state}`;
  return `${id}: ${state}${block}`;
}

function stateColour(state: string): Colour | undefined {
  if (state === SUCCEEDED) return 'green';
  if (state === 'failed') return 'red';
  return state === 'running' ? undefined : 'yellow';
}

const stateText = ({ state, interrupted }: Run): string => (interrupted === true ? `${state}, interrupted` : state);

function rejectedText({ rejected }: Pick<RunBlock, 'rejected'>): string | undefined {
  const counts = Object.entries(rejected ?? {});
  return counts.length === 0 ? undefined : counts.map(([rule, rows]) => `${rule} ${formatCount(rows)}`).join(', ');
}

const loadedRows = ({ blocks, state }: Run): number | undefined =>
  state === SUCCEEDED ? (blocks.at(-1)?.rowsOut ?? undefined) : undefined;

const RUN_COLUMNS: readonly Column<Run>[] = [
  { title: 'RUN', value: ({ id }) => id },
  { title: 'STATE', value: stateText, colour: ({ state }) => stateColour(state) },
  { title: 'DAYS', value: ({ from, to }) => `${from} to ${to}` },
  { title: 'ROWS', value: loadedRows, align: 'right' },
  { title: 'SOURCE', value: ({ source }) => source, flexible: true },
  { title: 'CREATED', value: ({ createdAt }) => createdAt },
  { title: 'ERROR', value: ({ error }) => error, flexible: true },
];

const BLOCK_COLUMNS: readonly Column<RunBlock>[] = [
  { title: 'BLOCK', value: ({ block }) => block },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => stateColour(state) },
  { title: 'ATTEMPT', value: ({ attempt }) => attempt, align: 'right' },
  { title: 'ROWS IN', value: ({ rowsIn }) => rowsIn, align: 'right' },
  { title: 'ROWS OUT', value: ({ rowsOut }) => rowsOut, align: 'right' },
  { title: 'REJECTED', value: rejectedText, flexible: true },
  { title: 'STARTED', value: ({ startedAt }) => startedAt },
  { title: 'ENDED', value: ({ endedAt }) => endedAt },
  { title: 'ERROR', value: ({ error }) => error, flexible: true },
];

function runText(session: Session, run: Run): string {
  const { id, pipeline, from, to, scheduledAt, source, createdAt, endedAt, error, blocks } = run;
  const days = blocks.flatMap(({ streamDays }) => streamDays ?? []);
  return [
    renderFields([
      ['run', id],
      ['pipeline', pipeline],
      ['state', stateText(run)],
      ['days', `${from} to ${to}`],
      ['of the stream', days.length === 0 ? undefined : days.join(', ')],
      ['source', source],
      ['scheduled', scheduledAt],
      ['created', createdAt],
      ['ended', endedAt],
      ['error', error],
    ]),
    '',
    session.table(BLOCK_COLUMNS, blocks, '(no block has begun)'),
  ].join('\n');
}

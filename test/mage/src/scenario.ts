import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';
import { waitUntil } from '@orderstream/deadlines';
import { type MageStack, type Progress, repositoryRoot, runCommand } from '../../../dev/src';
import { placedOrders, rawOrders, type RawOrders, recordedBlocks } from './content';
import { type MageServer, type PipelineRun, type Schedule } from './mage-server';

const ROWS = 3_000;
/** Enough for the run to be killed in the middle. */
const ROWS_OF_KILLED = 60_000;
const MESSAGES = 20;
const MESSAGES_OF_KILLED = 60;
const SECONDS_BETWEEN = 0.25;
const RETRY_DELAY_MS = 5_000;
/** On a slow machine. */
const RETRY_SLACK_MS = 20_000;
const DAY_MS = 86_400_000;
const TRIGGERS_WITHIN_MS = 60_000;

const LOAD = 'load_batch_to_bq';
const STREAM = 'stream_synthetic_data';

/** Files by which the batch loader of this test fails on purpose, and reports its starts. */
export interface LoaderFiles {
  readonly failures: string;
  readonly starts: string;
}

/** The steps of the test: each throws unless tables and topic hold what they must. */
export class Scenario {
  private readonly bigquery;
  private load: Schedule | undefined;
  private stream: Schedule | undefined;

  constructor(
    private readonly stack: MageStack,
    private readonly server: MageServer,
    private readonly files: LoaderFiles,
    private readonly progress: Progress,
  ) {
    const { projectId, dataset, apiEndpoint } = stack.bigquery;
    this.bigquery = createBigQuery({ project: projectId, dataset, location: 'US', apiEndpoint });
  }

  async run(): Promise<void> {
    await this.step('a job that is queued while the worker pool ends is run with start.py, and lost without', () =>
      this.lostJob(),
    );
    this.load = await this.server.createTrigger(LOAD);
    this.stream = await this.server.createTrigger(STREAM);
    await this.step('Mage has read the daily trigger', () => this.dailyTrigger());
    await this.step('load_batch_to_bq loads the day before', () => this.firstLoad());
    await this.step('a block that fails twice is retried after 5 s each', () => this.retries(2));
    await this.step('a block that fails four times fails the run, and is resumed alone', () => this.failsAndResumes());
    await this.step('a run that is killed in the middle is finished by the next start', () => this.killedLoad());
    await this.step('stream_synthetic_data sends the orders of the scenario', () => this.firstStream());
    await this.step('a stream that is killed in the middle is finished, and sends nothing twice', () =>
      this.killedStream(),
    );
  }

  private async step(name: string, work: () => Promise<string>): Promise<void> {
    await this.progress.step(name, async () => {
      this.progress.line(`  ${await work()}`);
    });
  }

  /** The patch of start.py can go when a version of Mage runs the job by itself. */
  private async lostJob(): Promise<string> {
    const program = join(repositoryRoot(), 'test', 'mage', 'lost_job.py');
    const outcome = async (...args: readonly string[]): Promise<string | undefined> => {
      const { code, output } = await runCommand(this.stack.python, [program, ...args], {
        env: { ...process.env, HOME: this.stack.home, PYTHONDONTWRITEBYTECODE: '1' },
      });
      if (code !== 0) throw new Error(`lost_job.py exits with ${String(code)}:\n${output}`);
      return output.trimEnd().split('\n').at(-1);
    };
    const patched = join(repositoryRoot(), 'deploy', 'mage');
    const outcomes = [await outcome(patched), await outcome()];
    expectEqual('with start.py, and without', outcomes, ['has run', 'has not run']);
    return 'with start.py the job has run';
  }

  private async dailyTrigger(): Promise<string> {
    const daily = await waitUntil(
      async () => (await this.server.schedules(LOAD)).find(({ name }) => name === 'daily'),
      { what: 'the trigger daily of triggers.yaml', deadlineMs: TRIGGERS_WITHIN_MS, intervalMs: 1_000 },
    );
    expectEqual(
      'the trigger',
      [daily.schedule_type, daily.schedule_interval, daily.status],
      ['time', '0 2 * * *', 'active'],
    );
    // It must not start while the test runs.
    await this.server.deactivate(daily);
    return `${daily.schedule_interval ?? ''}, ${daily.status}`;
  }

  private async firstLoad(): Promise<string> {
    await this.completed(this.load, { rows: ROWS });
    const orders = await this.loaded(ROWS);
    const yesterday = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
    expectEqual('the days', [orders.firstDay, orders.lastDay], [yesterday, yesterday]);
    return `${String(orders.rows)} orders of ${yesterday}`;
  }

  private async retries(failures: number): Promise<string> {
    this.fail('quality_checks', failures);
    const before = await rawOrders(this.bigquery, this.stack.bigquery.dataset);
    await this.completed(this.load, { rows: ROWS });
    // The same seed and days: the same orders.
    expectEqual('the orders', await this.loaded(ROWS), before);
    const starts = this.startsOf('quality_checks').slice(-failures - 1);
    const gaps = starts.slice(1).map(({ atMs }, index) => atMs - (starts[index]?.atMs ?? 0));
    expectEqual('the number of retries', gaps.length, failures);
    if (gaps.some((gap) => gap < RETRY_DELAY_MS || gap > RETRY_DELAY_MS + RETRY_SLACK_MS)) {
      throw new Error(`the retries came after ${gaps.join(', ')} ms`);
    }
    return `retried after ${gaps.map((gap) => (gap / 1_000).toFixed(1)).join(' and ')} s`;
  }

  private async failsAndResumes(): Promise<string> {
    this.fail('export_to_gbq', 4);
    const before = await rawOrders(this.bigquery, this.stack.bigquery.dataset);
    const started = await this.start(this.load, { rows: ROWS + 1_000 });
    const failed = await this.server.ended(started.id);
    expectEqual('the state', failed.status, 'failed');
    expectEqual('the orders of raw_orders', await rawOrders(this.bigquery, this.stack.bigquery.dataset), before);
    const generated = this.startsOf('generate_data').length;
    await this.server.retry(failed);
    await this.finished(failed);
    expectEqual('the starts of generate_data', this.startsOf('generate_data').length, generated);
    const orders = await this.loaded(ROWS + 1_000);
    return `${String(orders.rows)} orders in place of ${String(before.rows)}`;
  }

  private async killedLoad(): Promise<string> {
    const before = await rawOrders(this.bigquery, this.stack.bigquery.dataset);
    const started = await this.start(this.load, { rows: ROWS_OF_KILLED });
    await this.server.begun(started.id, 'quality_checks');
    await this.server.kill();
    expectEqual('the orders of raw_orders', await rawOrders(this.bigquery, this.stack.bigquery.dataset), before);
    await this.server.start();
    await this.resume(started);
    const orders = await this.loaded(ROWS_OF_KILLED);
    return `${String(orders.rows)} orders in place of ${String(before.rows)}`;
  }

  private async firstStream(): Promise<string> {
    await this.completed(this.stream, { messages: MESSAGES, seconds_between_messages: SECONDS_BETWEEN });
    const orders = await placedOrders(this.stack.brokers);
    expectEqual(
      'the orders in the topic',
      [orders.length, new Set(orders.map(({ orderId }) => orderId)).size],
      [MESSAGES, MESSAGES],
    );
    const gaps = orders.slice(1).map(({ placedMs }, index) => placedMs - (orders[index]?.placedMs ?? 0));
    const mean = 1_000 * SECONDS_BETWEEN;
    const outside = gaps.filter((gap) => gap < mean / 3 - 1 || gap > (5 * mean) / 3 + 1);
    expectEqual('the gaps outside of 1/3 to 5/3 of the mean', outside, []);
    return `${String(orders.length)} orders, ${String(Math.min(...gaps))} to ${String(Math.max(...gaps))} ms apart`;
  }

  private async killedStream(): Promise<string> {
    const started = await this.start(this.stream, {
      messages: MESSAGES_OF_KILLED,
      seconds_between_messages: SECONDS_BETWEEN,
    });
    // From then on Mage has recorded which run of the generator it is.
    await this.server.begun(started.id, 'report_stream');
    await waitUntil(async () => (await placedOrders(this.stack.brokers)).length > MESSAGES, {
      what: 'orders of the second run in the topic',
      deadlineMs: 120_000,
    });
    await this.server.kill();
    await this.server.start();
    await this.resume(started);
    const orders = await placedOrders(this.stack.brokers);
    const expected = MESSAGES + MESSAGES_OF_KILLED;
    expectEqual(
      'the orders in the topic',
      [orders.length, new Set(orders.map(({ orderId }) => orderId)).size],
      [expected, expected],
    );
    return `${String(expected)} orders in the topic`;
  }

  /** What `raw_orders` holds is what the last export has reported, each order once. */
  private async loaded(atLeast: number): Promise<RawOrders> {
    const { dataset } = this.stack.bigquery;
    const orders = await rawOrders(this.bigquery, dataset);
    const last = (await recordedBlocks(this.bigquery, dataset)).at(-1);
    expectEqual('the last block', [last?.block, last?.state], ['export_to_gbq', 'succeeded']);
    expectEqual('the orders', [orders.rows, orders.distinctIds], [last?.rowsOut, last?.rowsOut]);
    // A number of expected orders is a mean.
    if (Math.abs(orders.rows - atLeast) > 0.1 * atLeast)
      throw new Error(`${String(orders.rows)} orders in place of about ${String(atLeast)}`);
    return orders;
  }

  private async completed(trigger: Schedule | undefined, variables: object): Promise<void> {
    await this.finished(await this.start(trigger, variables));
  }

  private start(trigger: Schedule | undefined, variables: object): Promise<PipelineRun> {
    if (trigger === undefined) throw new TypeError('there is no trigger');
    return this.server.trigger(trigger, variables);
  }

  private async finished({ id }: PipelineRun): Promise<void> {
    expectEqual('the state of the run', (await this.server.ended(id)).status, 'completed');
  }

  /** After a kill, Mage itself starts again the block that it was running. */
  private async resume({ id }: PipelineRun): Promise<void> {
    const ended = await this.server.ended(id);
    if (ended.status === 'completed') return;
    await this.server.retry(ended);
    await this.finished(ended);
  }

  private fail(block: string, left: number): void {
    writeFileSync(this.files.failures, JSON.stringify({ block, left }));
  }

  private startsOf(name: string): readonly { readonly block: string; readonly atMs: number }[] {
    return readFileSync(this.files.starts, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { block: string; atMs: number })
      .filter(({ block }) => block === name);
  }
}

function expectEqual(what: string, found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}

import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseInteger } from '@orderstream/config';
import { deadLetterTopic, PARTITIONS, rawTopic, TOPICS } from '@orderstream/contracts';
import { MAX_REPLAY_RATE } from '@orderstream/dead-letters';
import { createKafka, ensureTopics } from '@orderstream/kafka';
import { benchEnvironment } from '../environment';
import { BenchConsole, type Plan } from './bench-console';
import { fillLetters } from './fill-letters';

const TOPIC = deadLetterTopic(rawTopic('orders'), 'validator');
const MIN_LETTERS = 110_000;
const PAGE = 100;
const FAR_PAGE = 1_000;
const LARGE_PAGE = 1_000;
const REPEATS = 20;
const SMALL_PLAN = 100_000;

interface Page {
  readonly letters: readonly unknown[];
  readonly next?: string;
}

interface Status {
  readonly letters: { readonly letters: number; readonly upToDate: boolean };
  readonly replays: { readonly available: boolean };
}

/**
 * `npm run bench:dead-letters -- [--letters N]`: fills a dead-letter topic and measures what the console does with it, with the
 * memory of the local stack: the index, lists, groups, dry runs, a replay at the highest rate.
 */
async function run(): Promise<void> {
  const { values } = parseArgs({ options: { letters: { type: 'string', default: '1000000' } } });
  const letters = parseInteger(values.letters, { min: MIN_LETTERS });
  if (letters === undefined) throw new TypeError(`--letters: expected an integer of at least ${String(MIN_LETTERS)}`);
  const folder = mkdtempSync(join(tmpdir(), 'orderstream-bench-'));
  const environment = benchEnvironment();
  const kafka = createKafka({ brokers: environment.KAFKA_BROKERS.split(','), clientId: 'bench' });
  await ensureTopics(kafka, TOPICS, { replication: 1 });
  process.stderr.write(`logs in ${folder}\n`);

  const filled = await timed(() => fillLetters(kafka, letters));
  report(
    'letters',
    `${String(letters)} of ${(filled.value / letters).toFixed(0)} bytes, written in ${inSeconds(filled)}`,
  );
  const desk = await BenchConsole.start(environment, folder);
  try {
    await measureIndex(desk, letters);
    await measureLists(desk);
    await measurePlans(desk, letters);
  } finally {
    await desk.stop();
  }
}

async function measureIndex(desk: BenchConsole, letters: number): Promise<void> {
  const built = await timed(() =>
    desk.until<Status>('/admin/status', 'building the index', ({ letters: state, replays }) => {
      return state.upToDate && state.letters === letters && replays.available;
    }),
  );
  const cpu = `${desk.cpuSeconds.toFixed(1)} s of CPU`;
  report('index, from the start of the process', `${inSeconds(built)}, ${cpu}, ${memory(desk)}`);
}

async function measureLists(desk: BenchConsole): Promise<void> {
  const list = (query: string, limit = PAGE): Promise<Page> =>
    desk.get<Page>(`/admin/dead-letters?limit=${String(limit)}${query}`);
  report('first page', await median(() => list('')));
  let cursor: string | undefined;
  for (let passed = 0; passed < (FAR_PAGE - 1) * PAGE;) {
    // In large pages: a cursor is of a query, whatever the size of its pages.
    const limit = Math.min(LARGE_PAGE, (FAR_PAGE - 1) * PAGE - passed);
    const { next } = await list(cursor === undefined ? '' : `&cursor=${cursor}`, limit);
    if (next === undefined) throw new Error(`there are fewer than ${String(FAR_PAGE)} pages`);
    cursor = next;
    passed += limit;
  }
  report(`page ${String(FAR_PAGE)}`, await median(() => list(`&cursor=${cursor ?? ''}`)));
  report('page by reason, oldest first', await median(() => list('&reason=duplicate.order&order=oldest')));
  report('page by a field (item_quantity=2)', await median(() => list('&field=item_quantity=2')));
  report('groups', await median(() => desk.get('/admin/dead-letters/groups')));
  report('groups of a reason', await median(() => desk.get('/admin/dead-letters/groups?reason=duplicate.order')));
  report('memory after lists', memory(desk));
}

async function measurePlans(desk: BenchConsole, letters: number): Promise<void> {
  const small = Math.min(SMALL_PLAN, letters);
  const toOffset = Math.round(small / PARTITIONS);
  const first = await preview(desk, { toOffset });
  await replay(desk, first);
  await preview(desk, {});
}

async function preview(desk: BenchConsole, filter: object): Promise<Plan> {
  const body = { topic: TOPIC, filter, ratePerSecond: MAX_REPLAY_RATE, stopAboveShare: 1, includeDuplicates: true };
  const { id } = await desk.post<Plan>('/admin/replays', body, { 'idempotency-key': randomUUID() });
  const path = `/admin/replays/${id}`;
  const ready = await timed(async () => {
    await desk.post(`${path}/preview`);
    return desk.until<Plan>(path, 'the preview', ({ state }) => state !== 'previewing');
  });
  const plan = ready.value;
  if (plan.state !== 'ready') throw new Error(`the plan is ${plan.state}: ${plan.error?.detail ?? ''}`);
  const total = plan.preview?.total ?? 0;
  report(`dry run of ${String(total)} letters`, `${inSeconds(ready)}, ${rate(total, ready)}, ${memory(desk)}`);
  return plan;
}

async function replay(desk: BenchConsole, { id, revision, preview: previewed }: Plan): Promise<void> {
  const path = `/admin/replays/${id}`;
  const total = previewed?.total ?? 0;
  const returned = await timed(async () => {
    await desk.post(`${path}/start`, undefined, { 'if-match': `"${String(revision)}"` });
    return desk.until<Plan>(path, 'the replay', ({ progress, state }) => {
      if (state === 'failed' || state === 'stopped') throw new Error(`the plan is ${state}`);
      return progress.returned + progress.rejected + progress.parked >= total;
    });
  });
  const { progress } = returned.value;
  report(
    `replay of ${String(progress.returned)} letters at the highest rate`,
    `${inSeconds(returned)}, ${rate(progress.returned, returned)}, ${memory(desk)}`,
  );
}

interface Timed<T> {
  readonly value: T;
  readonly ms: number;
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const begin = performance.now();
  const value = await work();
  return { value, ms: performance.now() - begin };
}

/** Median and largest time of several requests. */
async function median(work: () => Promise<unknown>): Promise<string> {
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) times.push((await timed(work)).ms);
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? NaN).toFixed(0);
  return `${at(0.5)} ms (at most ${at(1)} ms)`;
}

const report = (what: string, figures: string): void => void process.stdout.write(`${what}: ${figures}\n`);
const inSeconds = ({ ms }: Timed<unknown>): string => `${(ms / 1_000).toFixed(1)} s`;
const rate = (count: number, { ms }: Timed<unknown>): string => `${Math.round((count / ms) * 1_000).toString()}/s`;
const memory = (desk: BenchConsole): string => `${String(desk.peakRssMb)} MB resident at most`;

run().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

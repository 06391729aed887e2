import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { AnswerError, type ServiceClient } from '../stack/service-client';

const DAYS = 365;
const SERVICE_UNAVAILABLE = 503;
const DAY_MS = 86_400_000;
const POLL_MS = 1_000;
/** The service writes its audit first, and has the lowest priority. */
const ANSWER_MS = 30_000;
/** A request that gets no answer is repeated for so long: the service is busy, or is restarted. */
const UNANSWERED_FOR_MS = 600_000;
/** A run that no process carries out is started again after a time: the lease of a process that was killed has ended. */
const TIMING = { pollMs: POLL_MS, startAgainAfterMs: 60_000 };
const MAX_STARTS = 10;
const FILE = 'first-history.json';

/** `loaded`: now; `loaded before`: by an earlier start; `none`: it was not asked for; `failed`: the next start tries again. */
export type HistoryOutcome = 'loaded' | 'loaded before' | 'none' | 'failed' | 'stopped';

/** What the first start has begun, and later ones go on with. */
const planSchema = z.object({
  from: z.string(),
  to: z.string(),
  rows: z.int(),
  scheduledAt: z.string(),
  isLoaded: z.boolean(),
});
type Plan = z.infer<typeof planSchema>;

const runSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  interrupted: z.boolean().optional(),
  error: z.string().optional(),
  blocks: z.array(z.looseObject({ rowsOut: z.int().optional() })),
});
const runsSchema = z.looseObject({ runs: z.array(runSchema).min(1) });

export interface FirstHistoryOptions {
  readonly paths: Pick<StackPaths, 'data'>;
  readonly progress: Progress;
  /** 0: none. */
  readonly orders: number;
  /** What tests shorten. */
  readonly timing?: { readonly pollMs: number; readonly startAgainAfterMs: number };
}

/**
 * Loads the history of a new stack: the orders of the year before its first start. It is one run of the batch loader, in
 * the background.
 *
 * Failure semantics: its days and its scheduled time are stored before the run starts. A start that was stopped or killed
 * in between goes on with the same run, and one that is loaded is not loaded again. If the batch loader is restarted before
 * the run has ended, the run is started again, ten times at most.
 */
export class FirstHistory {
  private readonly stopping = new AbortController();
  private readonly file: string;
  private loading: Promise<HistoryOutcome> = Promise.resolve('none');

  constructor(private readonly options: FirstHistoryOptions) {
    this.file = join(options.paths.data, FILE);
  }

  /**
   * Resolves when there is nothing more to wait for. Never rejects.
   */
  get done(): Promise<HistoryOutcome> {
    return this.loading;
  }

  /** @param batchLoader its admin API once it is ready; undefined if it does not start */
  start(batchLoader: Promise<ServiceClient | undefined>): void {
    this.loading = this.load(batchLoader).catch((error: unknown) => {
      if (this.stopping.signal.aborted) return 'stopped';
      const reason = error instanceof Error ? error.message : String(error);
      this.options.progress.line(`The history is not loaded: ${reason}. The next start tries again.`);
      return 'failed';
    });
  }

  /** Ends the wait. A run under way ends with the batch loader. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loading;
  }

  private async load(ready: Promise<ServiceClient | undefined>): Promise<HistoryOutcome> {
    const { orders, progress } = this.options;
    const known = this.read();
    const client = await Promise.race([ready, this.stopped()]);
    if (known?.isLoaded === true) return 'loaded before';
    if (orders === 0) return 'none';
    if (client === undefined) return this.stopping.signal.aborted ? 'stopped' : 'failed';
    const startedAt = performance.now();
    const plan = known ?? newPlan(orders, new Date());
    this.write(plan);
    const { from, to, rows, scheduledAt } = plan;
    const body = { from, to, rows, scheduledAt, partition: 'range' };
    const [run] = runsSchema.parse(await this.request(client, 'POST', '/admin/runs', body)).runs;
    if (run === undefined) throw new Error('the batch loader started no run');
    const { state, error, blocks } = await this.end(client, run.id, body);
    if (state !== 'succeeded') throw new Error(`run ${run.id} is ${state}${error === undefined ? '' : `: ${error}`}`);
    this.write({ ...plan, isLoaded: true });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    const loaded = (blocks.at(-1)?.rowsOut ?? 0).toLocaleString('en-US');
    progress.line(`The history is loaded after ${seconds} s: ${loaded} orders of ${from} to ${to} in raw_orders`);
    return 'loaded';
  }

  private stopped(): Promise<undefined> {
    return new Promise((resolve) => {
      this.stopping.signal.addEventListener('abort', () => {
        resolve(undefined);
      });
    });
  }

  /** @param body the request of the start: it is the same run, which goes on where it was */
  private async end(client: ServiceClient, id: string, body: object): Promise<z.infer<typeof runSchema>> {
    const { pollMs, startAgainAfterMs } = this.options.timing ?? TIMING;
    let aliveAt = performance.now();
    for (let starts = 1; ;) {
      const run = runSchema.parse(await this.request(client, 'GET', `/admin/runs/${id}`));
      if (run.state !== 'waiting' && run.state !== 'running') return run;
      const isAlive = run.state === 'running' && run.interrupted !== true;
      if (isAlive) aliveAt = performance.now();
      else if (performance.now() - aliveAt >= startAgainAfterMs) {
        if (starts++ === MAX_STARTS) throw new Error(`run ${id} was started ${MAX_STARTS} times and has not ended`);
        await this.request(client, 'POST', '/admin/runs', body);
        aliveAt = performance.now();
      }
      await delay(pollMs, undefined, { signal: this.stopping.signal, ref: false });
    }
  }

  /** A request without an answer is repeated: both kinds may be, as a run is started once for its scheduled time. */
  private async request(client: ServiceClient, method: string, path: string, body?: object): Promise<unknown> {
    const { signal } = this.stopping;
    const deadline = performance.now() + UNANSWERED_FOR_MS;
    for (;;) {
      try {
        return await client.request(method, path, body, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
      } catch (error) {
        if (!isUnanswered(error) || performance.now() > deadline || signal.aborted) throw error;
        await delay(POLL_MS * (1 + Math.random()), undefined, { signal, ref: false });
      }
    }
  }

  private read(): Plan | undefined {
    if (!existsSync(this.file)) return undefined;
    return planSchema.parse(JSON.parse(readFileSync(this.file, 'utf8')));
  }

  private write(plan: Plan): void {
    mkdirSync(this.options.paths.data, { recursive: true });
    writeFileSync(this.file, `${JSON.stringify(plan)}\n`);
  }
}

/** The days before today: those of the stream begin with it. */
function newPlan(orders: number, now: Date): Plan {
  const todayMs = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
  const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return {
    from: dayOf(todayMs - DAYS * DAY_MS),
    to: dayOf(todayMs - DAY_MS),
    rows: orders,
    scheduledAt: new Date(Math.floor(now.getTime() / 1_000) * 1_000).toISOString(),
    isLoaded: false,
  };
}

/** `fetch` rejects with a TypeError when the connection fails. A service that starts answers commands with 503. */
const isUnanswered = (error: unknown): boolean =>
  error instanceof TypeError ||
  (error instanceof DOMException && error.name === 'TimeoutError') ||
  (error instanceof AnswerError && error.status === SERVICE_UNAVAILABLE);

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRetriable, OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type Block, type BlockContext } from '../blocks/block';
import { RangeLockedError, RunCancelledError, RunRejectedError } from '../errors';
import { type HeldRange, type RangeLock } from './range-lock';
import {
  type BlockName,
  type BlockOutput,
  blocksOf,
  type BlockRecord,
  type RunEvent,
  type RunPlan,
  type RunRecord,
} from './run';
import { type RunHandle, type RunStore } from './run-store';

/** What the runner needs of the warehouse. */
export interface RunWarehouse {
  prepare(): Promise<void>;
  fence(run: RunRecord, signal: AbortSignal): Promise<void>;
  /** Whether the run's statement has taken effect. */
  hasReplaced(run: RunRecord): Promise<boolean>;
  addRunEvent(run: RunRecord, number: number, event: RunEvent, signal: AbortSignal): Promise<void>;
}

/** Sees what a run does: for the terminal, metrics and tests. */
export interface RunObserver {
  started?(run: RunRecord): void;
  progress?(run: RunRecord, block: BlockName, done: number, total: number | undefined): void;
  step?(run: RunRecord, block: BlockName, name: string): Promise<void> | void;
  blockEnded?(run: RunRecord, block: BlockName, record: BlockRecord): void;
  ended?(run: RunRecord): void;
}

export interface RunnerOptions {
  readonly runs: RunStore;
  readonly lock: RangeLock;
  readonly warehouse: RunWarehouse;
  readonly blocks: readonly Block[];
  readonly scratch: string;
  readonly retries: number;
  readonly retryPauseMs: number;
  readonly cancelCheckMs: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly observer?: RunObserver;
  readonly now?: () => Date;
}

/** For a statement in flight to end. */
const END_DEADLINE_MS = 300_000;

/**
 * Runs the blocks of a run, one after the other.
 *
 * Failure semantics: what a run has done is in its document, written after each block. A block that succeeded is not run
 * again: a run that was killed or failed goes on at its first block that did not. Retriable errors are retried here, a
 * few times after a pause; after them, the run fails and can be resumed. A run that has succeeded does nothing.
 */
export class Runner {
  private readonly now: () => Date;

  constructor(private readonly options: RunnerOptions) {
    this.now = options.now ?? (() => new Date());
  }

  /**
   * Runs or resumes the run of this plan.
   *
   * @param until the last block to run, for an orchestrator that starts the blocks one by one: the run then stays `running`
   * @returns its record at the end, whatever its state is
   */
  async run(plan: RunPlan, signal: AbortSignal, until?: BlockName): Promise<RunRecord> {
    const handle = await this.options.runs.openRun(plan, this.time());
    return this.resume(handle, signal, until);
  }

  /**
   * Goes on with a run at its first block that has not succeeded. It fails if another run holds the range.
   * @throws RangeLockedError if another process has this run; RunRejectedError if the run was cancelled
   */
  async resume(handle: RunHandle, signal: AbortSignal, until?: BlockName): Promise<RunRecord> {
    const { runs, warehouse, observer } = this.options;
    if (handle.record.state === 'succeeded') return handle.record;
    assertNotCancelled(handle.record);
    await warehouse.prepare();
    const held = await this.acquire(handle);
    if (held === undefined) return handle.record;
    try {
      // Another process may have gone on with it before the lease.
      const current = await runs.get(handle.record.id);
      if (current.record.state === 'succeeded') return current.record;
      assertNotCancelled(current.record);
      for (const id of held.fence) await warehouse.fence((await runs.get(id)).record, signal);
      const cancelled = new AbortController();
      const watch = this.watchCancel(current.record.id, cancelled);
      try {
        return await this.runBlocks(current, held, AbortSignal.any([signal, held.signal, cancelled.signal]), until);
      } finally {
        clearInterval(watch);
        observer?.ended?.(current.record);
      }
    } finally {
      await held.release();
    }
  }

  /** Undefined if another run holds the range: then this one has failed. */
  private async acquire(handle: RunHandle): Promise<HeldRange | undefined> {
    const { id, plan } = handle.record;
    try {
      return await this.options.lock.acquire(id, plan.range);
    } catch (error) {
      if (!(error instanceof RangeLockedError) || error.holder === id) throw error;
      await this.end(handle, 'failed', textOf(error));
      this.options.observer?.ended?.(handle.record);
      return undefined;
    }
  }

  /**
   * Cancels a run: at once if no process runs it, or else within seconds. The table stays as it is; a run whose statement
   * has taken effect already succeeds.
   */
  async cancel(handle: RunHandle, signal: AbortSignal): Promise<void> {
    const { lock, runs } = this.options;
    const { id, plan, state } = handle.record;
    if (state === 'succeeded' || state === 'cancelled') throw new RunRejectedError(`Run ${id} has ${state} already.`);
    await runs.requestCancel(id);
    let held: HeldRange;
    try {
      held = await lock.acquire(id, plan.range);
    } catch (error) {
      if (!(error instanceof RangeLockedError)) throw error;
      // The process that carries it out reads the request. If another run has its days, no process does.
      if (error.holder !== id) await this.endCancelled(await runs.get(id));
      return;
    }
    try {
      signal.throwIfAborted();
      await this.endCancelled(await runs.get(id));
    } finally {
      await held.release();
    }
  }

  /** Ends what is in flight first: then the range is replaced, or it never will be. */
  private async endCancelled(handle: RunHandle): Promise<void> {
    const { runs, warehouse } = this.options;
    const { id } = handle.record;
    await warehouse.fence(handle.record, AbortSignal.timeout(END_DEADLINE_MS));
    await runs.clearCancel(id);
    if (await warehouse.hasReplaced(handle.record)) {
      const late = `Run ${id} was cancelled after it had replaced the range. Resume it: it then records that it succeeded.`;
      await this.end(handle, 'failed', textOf(new RunCancelledError(late)));
    } else
      await this.end(handle, 'cancelled', textOf(new RunCancelledError(`Run ${id} was cancelled by an operator.`)));
  }

  private watchCancel(id: string, cancelled: AbortController): NodeJS.Timeout {
    const { runs, cancelCheckMs, logger } = this.options;
    return setInterval(() => {
      runs.isCancelRequested(id).then(
        (requested) => {
          if (requested) cancelled.abort(new RunCancelledError(`Run ${id} was cancelled by an operator.`));
        },
        (error: unknown) => {
          logger.warn({ err: error, run: id }, 'cannot read whether the run is cancelled');
        },
      );
    }, cancelCheckMs);
  }

  private async runBlocks(
    handle: RunHandle,
    held: HeldRange,
    signal: AbortSignal,
    until: BlockName | undefined,
  ): Promise<RunRecord> {
    const { observer, runs } = this.options;
    await this.record(handle, { state: 'running', startedAt: this.time() }, (record) => ({
      ...record,
      state: 'running',
      endedAt: undefined,
      error: undefined,
    }));
    observer?.started?.(handle.record);
    try {
      const names = blocksOf(handle.record.plan);
      for (const name of names) {
        if (handle.record.blocks[name]?.state !== 'succeeded') await this.runBlock(handle, name, held, signal);
        if (name === until && name !== names.at(-1)) return handle.record;
      }
    } catch (error) {
      if (signal.reason instanceof RunCancelledError) await this.endCancelled(handle);
      else await this.end(handle, 'failed', textOf(reasonOf(error, signal)));
      return handle.record;
    }
    await this.end(handle, 'succeeded', undefined);
    await runs.deleteFiles(handle.record);
    return handle.record;
  }

  /** @throws the error of the last attempt */
  private async runBlock(handle: RunHandle, name: BlockName, held: HeldRange, signal: AbortSignal): Promise<void> {
    const { retries, retryPauseMs, logger } = this.options;
    for (let tries = 0; ; tries++) {
      try {
        await this.attempt(handle, name, held, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (tries === retries || !mayRetry(error)) throw error;
        logger.warn(
          { err: error, run: handle.record.id, block: name },
          `the block failed; next attempt in ${retryPauseMs} ms`,
        );
        await delay(retryPauseMs, undefined, { signal });
      }
    }
  }

  private async attempt(handle: RunHandle, name: BlockName, held: HeldRange, signal: AbortSignal): Promise<void> {
    const { observer, runs, scratch } = this.options;
    const block = this.options.blocks.find((each) => each.name === name);
    if (block === undefined) throw new TypeError(`there is no block ${name}`);
    const attempt = (handle.record.blocks[name]?.attempt ?? 0) + 1;
    const startedAt = this.time();
    const begun: BlockRecord = { attempt, state: 'running', startedAt };
    await this.record(handle, { block: name, attempt, state: 'running', startedAt }, withBlock(name, begun));
    const folder = join(scratch, `${handle.record.id}-${name}-${attempt}-${process.pid}`);
    const context: BlockContext = {
      run: handle.record,
      attempt,
      folder,
      store: runs.store,
      prefix: handle.prefix(name, attempt),
      signal,
      progress: (done, total) => observer?.progress?.(handle.record, name, done, total),
      step: async (step) => {
        signal.throwIfAborted();
        await observer?.step?.(handle.record, name, step);
      },
      assertLease: () => held.renew(),
    };
    let ended: BlockRecord;
    try {
      await removeFolders(scratch, handle.record.id);
      await mkdir(folder, { recursive: true });
      await context.step('begun');
      const output = await block.run(context);
      ended = { ...begun, state: 'succeeded', endedAt: this.time(), output };
    } catch (error) {
      const failed = {
        ...begun,
        state: 'failed',
        endedAt: this.time(),
        error: textOf(reasonOf(error, signal)),
      } as const;
      await this.record(handle, { block: name, ...failed }, withBlock(name, failed));
      observer?.blockEnded?.(handle.record, name, failed);
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    await this.record(handle, { block: name, ...eventOf(ended) }, withBlock(name, ended));
    observer?.blockEnded?.(handle.record, name, ended);
    await context.step('recorded');
  }

  private async end(
    handle: RunHandle,
    state: 'succeeded' | 'failed' | 'cancelled',
    error: string | undefined,
  ): Promise<void> {
    const endedAt = this.time();
    const event = { state, startedAt: handle.record.createdAt, endedAt, ...(error !== undefined && { error }) };
    await this.record(handle, event, (record) => ({ ...record, state, endedAt, error }));
  }

  /** Changes the run and adds the event, at once; then publishes the events that are not in `pipeline_runs` yet. */
  private async record(
    handle: RunHandle,
    event: Omit<RunEvent, 'recordedAt'>,
    change: (record: RunRecord) => RunRecord,
  ): Promise<void> {
    await handle.update((record) => {
      const changed = change(record);
      return { ...changed, events: [...changed.events, { ...event, recordedAt: this.time() }] };
    });
    const { warehouse, logger } = this.options;
    try {
      for (const [number, each] of handle.record.events.entries()) {
        if (number < handle.record.published) continue;
        await warehouse.addRunEvent(handle.record, number, each, AbortSignal.timeout(60_000));
      }
    } catch (error) {
      // The next event publishes it as well, also that of a later process.
      logger.warn({ err: error, run: handle.record.id }, 'cannot write to pipeline_runs; the run goes on');
      return;
    }
    await handle.update((record) => ({ ...record, published: record.events.length }));
  }

  private time(): string {
    return this.now().toISOString();
  }
}

function assertNotCancelled({ id, state }: RunRecord): void {
  if (state === 'cancelled') throw new RunRejectedError(`Run ${id} was cancelled. Start a new run of the range.`);
}

const withBlock =
  (name: BlockName, block: BlockRecord) =>
  (record: RunRecord): RunRecord => ({ ...record, blocks: { ...record.blocks, [name]: block } });

function eventOf({ output, ...record }: BlockRecord): Omit<RunEvent, 'recordedAt' | 'block'> {
  const { rowsIn, rowsOut, rejected } = output ?? ({} as Partial<BlockOutput>);
  return {
    ...record,
    ...(rowsIn !== undefined && { rowsIn }),
    ...(rowsOut !== undefined && { rowsOut }),
    ...(rejected !== undefined && { rejected }),
  };
}

/** Our errors say whether a retry may help. Others come from clients and the file system: they may pass. */
const mayRetry = (error: unknown): boolean => !(error instanceof OrderstreamError) || isRetriable(error);

/** After an abort, whatever was under way fails: its reason is what counts. */
const reasonOf = (error: unknown, signal: AbortSignal): unknown => (signal.aborted ? signal.reason : error);

function textOf(error: unknown): string {
  if (error instanceof OrderstreamError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Removes what attempts of the run have left whose process was killed. The lease of the run says that none is in use. */
async function removeFolders(scratch: string, run: string): Promise<void> {
  await mkdir(scratch, { recursive: true });
  for (const name of await readdir(scratch)) {
    if (name.startsWith(`${run}-`)) await rm(join(scratch, name), { recursive: true, force: true });
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { isRetriable, OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type DailyLock, type HeldLease } from './daily-lock';
import { type DailyPlan, dailyIdOf, type DailyRun, type StepName, type StepRecord, STEPS } from './daily-run';
import { type DailyHandle, type DailyStore } from './daily-store';

/** What a step may use. */
export interface StepContext {
  readonly run: DailyRun;
  /** Attempts of this process before this one. */
  readonly tries: number;
  /** Aborted when the process stops or the lease is lost. */
  readonly signal: AbortSignal;
}

/** A step of a daily run. It may be started again at any time. */
export interface DailyStep {
  readonly name: StepName;
  /** @returns what it did, for people */
  run(context: StepContext): Promise<string>;
}

/** Sees what a daily run does: for the terminal, metrics and alerts. None of them may reject. */
export interface DailyObserver {
  stepEnded?(run: DailyRun, step: StepName, record: StepRecord): void;
  /** It has succeeded or failed. */
  ended?(run: DailyRun): Promise<void> | void;
}

export interface DailyJobOptions {
  readonly runs: DailyStore;
  readonly lock: DailyLock;
  readonly steps: readonly DailyStep[];
  readonly retries: number;
  readonly retryPauseMs: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly observers: readonly DailyObserver[];
  readonly now?: () => Date;
}

/** How a start ended. `repeated`: the run had succeeded before, and nothing was done. */
export interface DailyResult {
  readonly outcome: 'succeeded' | 'failed' | 'stopped' | 'repeated';
  readonly run: DailyRun;
}

/**
 * The daily run: load, build, checks.
 *
 * Failure semantics: what a run has done is in its document, written after each step. A step that succeeded is not run
 * again: a run that was killed, stopped or failed goes on at its first step that did not; after failed checks, at the build. A step is retried a few times
 * after a pause, if the error may pass; after that the run fails, and the next start with its scheduled time resumes it.
 */
export class DailyJob {
  private readonly now: () => Date;

  constructor(private readonly options: DailyJobOptions) {
    this.now = options.now ?? (() => new Date());
  }

  /**
   * Runs or resumes the run of this plan.
   *
   * @param startedBy for people
   * @throws DailyLockedError, RunRejectedError: nothing was done
   */
  async run(plan: DailyPlan, startedBy: string, signal: AbortSignal): Promise<DailyResult> {
    const { runs, lock } = this.options;
    const before = await runs.find(dailyIdOf(plan));
    if (before?.run.state === 'succeeded') return this.repeated(before.run);
    const held = await lock.acquire(dailyIdOf(plan), signal);
    try {
      const handle = await runs.open(plan, this.time());
      if (handle.run.state === 'succeeded') return this.repeated(handle.run);
      return await this.runSteps(handle, startedBy, held, signal);
    } finally {
      await held.release();
    }
  }

  private repeated(run: DailyRun): DailyResult {
    this.options.logger.info(
      { run: run.id, endedAt: run.endedAt },
      'this daily run has succeeded before; nothing to do',
    );
    return { outcome: 'repeated', run };
  }

  private async runSteps(
    handle: DailyHandle,
    startedBy: string,
    held: HeldLease,
    stop: AbortSignal,
  ): Promise<DailyResult> {
    const { logger } = this.options;
    const signal = AbortSignal.any([stop, held.signal]);
    await handle.update({
      state: 'running',
      endedAt: undefined,
      error: undefined,
      startedBy: [...handle.run.startedBy, startedBy],
      steps: toRepeat(handle.run.steps),
    });
    logger.info({ run: handle.run.id, startedBy, range: handle.run.plan.range }, 'the daily run begins');
    try {
      for (const name of STEPS) {
        if (handle.run.steps[name]?.state !== 'succeeded') await this.runStep(handle, name, signal);
      }
    } catch (error) {
      held.signal.throwIfAborted();
      if (!stop.aborted) return this.ended(handle, 'failed', error);
      await handle.update({ error: `${textOf(stop.reason)}. The next start resumes it.` });
      logger.warn(
        { run: handle.run.id, reason: textOf(stop.reason) },
        'the daily run is stopped; the next start resumes it',
      );
      return { outcome: 'stopped', run: handle.run };
    }
    return this.ended(handle, 'succeeded', undefined);
  }

  private async ended(handle: DailyHandle, outcome: 'succeeded' | 'failed', error: unknown): Promise<DailyResult> {
    const { logger, observers } = this.options;
    const text = error === undefined ? undefined : textOf(error);
    await handle.update({ state: outcome, endedAt: this.time(), error: text });
    const { run } = handle;
    const { id, plan, steps } = run;
    if (outcome === 'succeeded') logger.info({ run: id }, 'the daily run has succeeded');
    else {
      const failed = STEPS.find((name) => steps[name]?.state === 'failed');
      logger.error({ run: id, range: plan.range, step: failed, error: text }, 'the daily run has failed');
    }
    for (const observer of observers) await observer.ended?.(run);
    return { outcome, run };
  }

  /** @throws the error of the last attempt */
  private async runStep(handle: DailyHandle, name: StepName, signal: AbortSignal): Promise<void> {
    const { steps, retries, retryPauseMs, logger } = this.options;
    const step = steps.find((each) => each.name === name);
    if (step === undefined) throw new TypeError(`there is no step ${name}`);
    for (let tries = 0; ; tries++) {
      try {
        await this.attempt(handle, step, tries, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (tries >= retries || !mayRetry(error)) throw error;
        logger.warn(
          { err: error, run: handle.run.id, step: name },
          `the step failed; next attempt in ${retryPauseMs} ms`,
        );
        await delay(retryPauseMs, undefined, { signal });
      }
    }
  }

  private async attempt(handle: DailyHandle, step: DailyStep, tries: number, signal: AbortSignal): Promise<void> {
    const attempt = (handle.run.steps[step.name]?.attempt ?? 0) + 1;
    const begun: StepRecord = { attempt, state: 'running', startedAt: this.time() };
    await this.record(handle, step.name, begun);
    try {
      signal.throwIfAborted();
      const summary = await step.run({ run: handle.run, tries, signal });
      await this.record(handle, step.name, { ...begun, state: 'succeeded', endedAt: this.time(), summary });
    } catch (error) {
      await this.record(handle, step.name, { ...begun, state: 'failed', endedAt: this.time(), error: textOf(error) });
      throw error;
    }
  }

  private async record(handle: DailyHandle, name: StepName, record: StepRecord): Promise<void> {
    await handle.update({ steps: { ...handle.run.steps, [name]: record } });
    if (record.state === 'running') return;
    for (const observer of this.options.observers) observer.stepEnded?.(handle.run, name, record);
  }

  private time(): string {
    return this.now().toISOString();
  }
}

/** What the checks have found wrong is built again, not only checked again. */
function toRepeat(steps: DailyRun['steps']): DailyRun['steps'] {
  const { build, checks } = steps;
  return build !== undefined && checks?.state === 'failed' ? { ...steps, build: { ...build, state: 'failed' } } : steps;
}

/** Our errors say whether a retry may help. Others come from clients and the file system: they may pass. */
const mayRetry = (error: unknown): boolean => !(error instanceof OrderstreamError) || isRetriable(error);

function textOf(error: unknown): string {
  if (error instanceof OrderstreamError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

import { setTimeout as delay } from 'node:timers/promises';
import { type BigQuery, type Job, type JobMetadata } from '@google-cloud/bigquery';
import { BigQueryCallError } from '@orderstream/bigquery';
import { WarehouseJobError } from '../errors';

const NOT_FOUND = 404;
const CONFLICT = 409;
const FIRST_POLL_MS = 50;
const MAX_POLL_MS = 2_000;
/** A load or MERGE of some million rows takes minutes. */
const JOB_DEADLINE_MS = 30 * 60_000;
const CALL_DEADLINE_MS = 60_000;
/** More failed attempts of one job than a run can have. */
const MAX_ATTEMPTS = 1_000;

/** A job that runs once for its name, however often it is started. */
export interface NamedJob {
  /** The job ids are `<name>-<attempt>`. */
  readonly name: string;
  readonly start: (jobId: string) => Promise<unknown>;
  /** Whether an attempt that succeeded still counts: its result may be gone. Default: it does. */
  readonly stillCounts?: () => Promise<boolean>;
}

/**
 * Runs jobs of BigQuery by ids of our own.
 *
 * Failure semantics: the id of a job is a function of what it does. BigQuery accepts an id once, so a second start, after
 * a kill or a lost answer, finds the first job and waits for it. The attempt advances only when the previous job is done
 * with an error, or its result is gone.
 */
export class Jobs {
  constructor(
    private readonly bigquery: BigQuery,
    private readonly location: string,
  ) {}

  /** Resolves when the job is done. @throws WarehouseJobError if the attempt that this call started fails */
  async runOnce({ name, start, stillCounts }: NamedJob, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const id = `${name}-${attempt}`;
      const existing = await this.find(id);
      if (existing === undefined) {
        await callWithDeadline(`starting job ${id}`, () => start(id)).catch(ignoreConflict);
      }
      const error = await this.wait(id, signal);
      if (error === undefined) {
        if (existing === undefined || (await stillCounts?.()) !== false) return;
        continue;
      }
      if (existing === undefined) throw new WarehouseJobError(`Job ${id} failed: ${error}`, { retriable: true });
    }
    throw new WarehouseJobError(`Job ${name} has failed ${MAX_ATTEMPTS} times.`);
  }

  /** Cancels the attempts that are not done, and waits for their end. */
  async end(name: string, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const id = `${name}-${attempt}`;
      const metadata = await this.find(id);
      if (metadata === undefined) return;
      if (metadata.status?.state === 'DONE') continue;
      await callWithDeadline(`cancelling job ${id}`, () => this.job(id).cancel());
      await this.wait(id, signal);
    }
  }

  /** Whether an attempt is done without an error. */
  async hasSucceeded(name: string): Promise<boolean> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const metadata = await this.find(`${name}-${attempt}`);
      if (metadata === undefined) return false;
      if (metadata.status?.state === 'DONE' && metadata.status.errorResult === undefined) return true;
    }
    return false;
  }

  private job(id: string): Job {
    return this.bigquery.job(id, { location: this.location });
  }

  private async find(id: string): Promise<JobMetadata | undefined> {
    try {
      const [metadata] = (await callWithDeadline(`looking for job ${id}`, () => this.job(id).getMetadata())) as [
        JobMetadata,
        ...unknown[],
      ];
      return metadata;
    } catch (error) {
      if (hasStatus(error, NOT_FOUND)) return undefined;
      throw error;
    }
  }

  /** Resolves when the job is done: to its error, if there is one. */
  private async wait(id: string, signal: AbortSignal): Promise<string | undefined> {
    const endMs = performance.now() + JOB_DEADLINE_MS;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, MAX_POLL_MS)) {
      const metadata = await this.find(id);
      const { state, errorResult } = metadata?.status ?? {};
      if (state === 'DONE') {
        return errorResult === undefined ? undefined : (errorResult.message ?? errorResult.reason ?? 'no reason');
      }
      if (performance.now() > endMs) {
        throw new WarehouseJobError(
          `Job ${id} is still ${state ?? 'unknown'} after ${JOB_DEADLINE_MS / 60_000} minutes. The next attempt waits for it again.`,
          { retriable: true },
        );
      }
      await delay(pollMs, undefined, { signal });
    }
  }
}

/** @throws BigQueryCallError (retriable) at the deadline; before it, the client's error */
export async function callWithDeadline<T>(
  what: string,
  call: () => Promise<T>,
  deadlineMs = CALL_DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `${what}: no answer within ${deadlineMs} ms`;
      reject(new BigQueryCallError(message, { code: 'TABLE_CALL_FAILED', retriable: true }));
    }, deadlineMs);
  });
  try {
    return await Promise.race([call(), overdue]);
  } finally {
    clearTimeout(timer);
  }
}

export const hasStatus = (error: unknown, status: number): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && Number(error.code) === status;

const ignoreConflict = (error: unknown): void => {
  if (!hasStatus(error, CONFLICT)) throw error;
};

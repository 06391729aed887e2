import { setTimeout as delay } from 'node:timers/promises';
import { type Logger } from '@orderstream/observability';
import { RangeLockedError } from '../errors';
import { type BlockName, type RunRecord } from '../runs/run';
import { type BatchStatusDto } from './batch-status.dto';

const LOCK_CHECK_MS = 1_000;

export interface RunQueueOptions {
  /** Carries out a run to its end. */
  readonly carryOut: (id: string, signal: AbortSignal) => Promise<RunRecord>;
  /** How long the lease of a process that was killed can hold its run. */
  readonly leaseMs: number;
  readonly logger: Pick<Logger, 'error'>;
}

/** The runs that this process carries out: one at a time, in the order of the requests. */
export class RunQueue {
  private readonly stopping = new AbortController();
  private readonly waiting: string[] = [];
  private working: Promise<void> | undefined;
  private running: BatchStatusDto['running'];
  private last: BatchStatusDto['last'];

  constructor(private readonly options: RunQueueOptions) {}

  get size(): number {
    return this.waiting.length;
  }

  /** A run that waits already keeps its place. */
  add(ids: readonly string[]): void {
    this.waiting.push(...ids.filter((id) => !this.waiting.includes(id)));
    this.working ??= this.work().finally(() => {
      this.working = undefined;
      // Added after the last look.
      if (this.waiting.length > 0) this.add([]);
    });
  }

  /** How far the present run is. */
  progress(block: BlockName, done: number, total: number | undefined): void {
    const { running } = this;
    if (running === undefined) return;
    const share = total === undefined || total === 0 ? undefined : Math.min(1, Math.round((100 * done) / total) / 100);
    this.running = { id: running.id, block, ...(share !== undefined && { done: share }) };
  }

  status(): BatchStatusDto {
    const { running, last } = this;
    return {
      state: running === undefined ? 'idle' : 'running',
      ...(running !== undefined && { running }),
      waiting: [...this.waiting],
      ...(last !== undefined && { last }),
    };
  }

  /** The present run stops between two steps, and can be resumed. Those that wait stay as they are. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the service stops'));
    this.waiting.length = 0;
    await this.working;
  }

  private async work(): Promise<void> {
    for (let id = this.waiting.shift(); id !== undefined; id = this.waiting.shift()) {
      this.running = { id };
      try {
        const { state, error } = await this.carryOut(id);
        this.last = { id, state, ...(error !== undefined && { error }) };
      } catch (error) {
        this.options.logger.error({ err: error, run: id }, 'the run did not start');
        this.last = { id, state: 'not started', error: error instanceof Error ? error.message : String(error) };
      }
      this.running = undefined;
    }
  }

  /** Waits while a process that was killed still has the lease of the run. */
  private async carryOut(id: string): Promise<RunRecord> {
    const { carryOut, leaseMs } = this.options;
    const { signal } = this.stopping;
    const endMs = performance.now() + leaseMs + LOCK_CHECK_MS;
    for (;;) {
      try {
        return await carryOut(id, signal);
      } catch (error) {
        if (!(error instanceof RangeLockedError) || performance.now() > endMs) throw error;
      }
      await delay(LOCK_CHECK_MS, undefined, { signal });
    }
  }
}

import { type Logger } from '@orderstream/observability';
import { type Subscription } from 'rxjs';
import { type PlanRecord } from './plan-events';
import { type PlanLog } from './plan-log';
import { type PlanWork } from './plan-work';

export interface PlanWorkersOptions {
  /** This console. */
  readonly runner: string;
  readonly leaseMs: number;
  readonly clock: () => Date;
  readonly logger: Logger;
}

interface Worker {
  readonly state: 'previewing' | 'running';
  readonly stopping: AbortController;
  readonly done: Promise<void>;
}

/** Previews of this console at the same time: each has the state of a partition in memory. */
const MAX_PREVIEWS = 1;

/**
 * Does what the record of the plans says is to be done: claims plans that wait or whose console is silent, works on those of
 * this console, says so in the record, and stops when the record says that a plan is paused, cancelled, or another console's.
 */
export class PlanWorkers {
  readonly runner: string;
  private readonly workers = new Map<string, Worker>();
  private readonly claiming = new Set<string>();
  private readonly openedMs = performance.now();
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly work: Pick<PlanWork, 'preview' | 'replay'>,
    private readonly log: PlanLog,
    private readonly options: PlanWorkersOptions,
  ) {
    this.runner = options.runner;
  }

  start(): void {
    this.subscription = this.log.changed.subscribe((id) => {
      const plan = this.log.book.find(id);
      if (plan !== undefined) this.follow(plan);
    });
    this.timer = setInterval(() => {
      this.beat();
    }, this.options.leaseMs / 5);
    this.followAll();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    this.subscription?.unsubscribe();
    const workers = [...this.workers.values()];
    for (const { stopping } of workers) stopping.abort(new Error('the console stops'));
    await Promise.allSettled(workers.map(({ done }) => done));
  }

  private followAll(): void {
    for (const plan of this.log.book.all()) this.follow(plan);
  }

  private beat(): void {
    for (const [plan, { stopping }] of this.workers) {
      if (stopping.signal.aborted) continue;
      const at = this.options.clock().toISOString();
      this.log.append({ kind: 'beat', plan, at, runner: this.runner }).catch((error: unknown) => {
        this.options.logger.warn({ err: error, plan }, 'the record of the replay plans cannot be written');
      });
    }
    this.followAll();
  }

  private follow(plan: PlanRecord): void {
    if (this.isStopped) return;
    const { created, state, runner } = plan;
    const worker = this.workers.get(created.plan);
    if (worker !== undefined) {
      if (worker.state !== state || runner !== this.runner) {
        worker.stopping.abort(new Error(`the replay plan ${created.plan} is ${state}`));
      }
      return;
    }
    if (state === 'previewing' || state === 'running') {
      if (runner === this.runner) this.begin(plan, state);
      else if (this.isSilent(created.plan)) this.claim(plan);
    } else if (state === 'waiting' && this.log.book.firstOn(created.topic) === plan) this.claim(plan);
  }

  /** Not before this console has read the record for as long as the lease. */
  private isSilent(id: string): boolean {
    const { leaseMs } = this.options;
    return performance.now() - this.openedMs > leaseMs && this.log.silentMs(id) > leaseMs;
  }

  private begin(plan: PlanRecord, state: Worker['state']): void {
    const id = plan.created.plan;
    const previews = [...this.workers.values()].filter((worker) => worker.state === 'previewing');
    if (state === 'previewing' && previews.length >= MAX_PREVIEWS) return;
    const stopping = new AbortController();
    const working =
      state === 'previewing' ? this.work.preview(plan, stopping.signal) : this.work.replay(plan, stopping.signal);
    const done = working
      .catch((error: unknown) => {
        if (!stopping.signal.aborted)
          this.options.logger.error({ err: error, plan: id }, 'the work on a replay plan failed');
      })
      .finally(() => {
        this.workers.delete(id);
        // Behind the end: the plan may have been started again, and others may wait.
        setImmediate(() => {
          this.followAll();
        });
      });
    this.workers.set(id, { state, stopping, done });
  }

  private claim({ created: { plan }, revision }: PlanRecord): void {
    if (this.claiming.has(plan)) return;
    this.claiming.add(plan);
    const at = this.options.clock().toISOString();
    this.log
      .append({ kind: 'changed', plan, at, action: 'claim', revision: revision + 1, runner: this.runner })
      .catch((error: unknown) => {
        this.options.logger.warn({ err: error, plan }, 'a replay plan could not be claimed; it is repeated');
      })
      .finally(() => {
        this.claiming.delete(plan);
      });
  }
}

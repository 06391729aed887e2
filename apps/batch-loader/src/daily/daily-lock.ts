import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ObjectStore } from '../store/object-store';
import { DailyLeaseLostError, DailyLockedError } from './errors';

const KEY = 'locks/daily';
/** In place of the id of a run: a command of dbt outside of the daily runs. */
export const REFRESH = 'refresh';
const MAX_POLL_MS = 1_000;
const MIN_POLL_MS = 20;

interface Lease {
  readonly run: string;
  readonly token: string;
  readonly untilMs: number;
}
interface Found {
  readonly lease: Lease | undefined;
  readonly generation: string | undefined;
}

/**
 * Lets one process at a time carry out a daily run: a document with a lease, which is compared and set.
 *
 * Failure semantics: a process that dies keeps its lease until it ends. A start in the meantime waits for that end, so
 * that a restart after a kill goes on by itself. If it sees the lease renewed, the holder lives, and the start is rejected;
 * a daily run waits for a command of dbt, which has a deadline of its own.
 */
export class DailyLock {
  constructor(
    private readonly store: ObjectStore,
    private readonly leaseMs: number,
    private readonly clock: () => number = Date.now,
    /** Called once for a start that waits, with the holder of the lease. */
    private readonly onWait: (holder: string) => void = () => undefined,
  ) {}

  /**
   * @param run id of the daily run, or REFRESH
   * @throws DailyLockedError if another process has the lease and renews it
   */
  async acquire(run: string, signal: AbortSignal): Promise<HeldLease> {
    const token = randomUUID();
    for (let first: Lease | undefined; ;) {
      signal.throwIfAborted();
      const { lease, generation } = await this.read();
      const waitMs = lease === undefined ? 0 : lease.untilMs - this.clock();
      if (lease === undefined || waitMs <= 0) {
        const own: Lease = { run, token, untilMs: this.clock() + this.leaseMs };
        if (await this.write(own, generation)) return new HeldLease(this, own, this.leaseMs, this.clock);
        continue;
      }
      if (first === undefined) this.onWait(lease.run);
      first ??= lease;
      const isRenewed = lease.token !== first.token || lease.untilMs !== first.untilMs;
      if (isRenewed && (run === REFRESH || lease.run !== REFRESH)) {
        throw new DailyLockedError(lease.run, this.store.location);
      }
      await delay(Math.min(Math.max(waitMs, MIN_POLL_MS), MAX_POLL_MS), undefined, { signal });
    }
  }

  /** For `HeldLease`. @throws DailyLeaseLostError */
  async renew(held: Lease): Promise<Lease> {
    const { lease, generation } = await this.read();
    const own = { ...held, untilMs: this.clock() + this.leaseMs };
    if (lease?.token === held.token && (await this.write(own, generation))) return own;
    throw new DailyLeaseLostError(
      `Daily run ${held.run} has lost its lease: ${lease === undefined ? 'it was released' : `daily run ${lease.run} has it`}.`,
    );
  }

  /** For `HeldLease`. */
  async release(held: Lease): Promise<void> {
    const { lease, generation } = await this.read();
    if (lease?.token === held.token) await this.write(undefined, generation);
  }

  private async read(): Promise<Found> {
    const document = await this.store.readDocument(KEY);
    if (document === undefined) return { lease: undefined, generation: undefined };
    return { ...(JSON.parse(document.text) as Pick<Found, 'lease'>), generation: document.generation };
  }

  private async write(lease: Lease | undefined, generation: string | undefined): Promise<boolean> {
    return (await this.store.writeDocument(KEY, JSON.stringify({ lease }), generation)) !== undefined;
  }
}

/** A lease that is renewed until it is released. */
export class HeldLease {
  private readonly lost = new AbortController();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly lock: DailyLock,
    private lease: Lease,
    leaseMs: number,
    clock: () => number,
  ) {
    this.timer = setInterval(() => {
      this.lock.renew(this.lease).then(
        (renewed) => {
          this.lease = renewed;
        },
        (error: unknown) => {
          // The store may answer again before the lease ends.
          if (error instanceof DailyLeaseLostError || clock() >= this.lease.untilMs) this.lost.abort(error);
        },
      );
    }, leaseMs / 3);
  }

  /** Aborted when the lease is lost. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    await this.lock.release(this.lease);
  }
}

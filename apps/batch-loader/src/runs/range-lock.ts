import { randomUUID } from 'node:crypto';
import { RAW_ORDERS } from '@orderstream/contracts';
import { LeaseLostError, RangeLockedError } from '../errors';
import { type ObjectStore } from '../store/object-store';
import { type DayRange, overlaps, rangeText } from './run';

const KEY = `locks/${RAW_ORDERS.table}`;
/** Writers of the document meet rarely. */
const MAX_CONFLICTS = 50;

/** A range of the table that a process of a run holds. */
interface Lease {
  readonly run: string;
  /** Of the process: a run may be resumed by another one. */
  readonly token: string;
  readonly range: DayRange;
  readonly untilMs: number;
  /** Runs whose leases have ended, that must be fenced before the table is changed. */
  readonly fence: readonly string[];
}

/**
 * Keeps two runs of one range apart: a document with the leases of all ranges of the table, which is compared and set.
 *
 * Failure semantics: a process that dies keeps its lease until it ends; then another run takes the range over. It fences
 * the dead run first. The list of runs to fence is a part of the lease, so that it survives a kill in between.
 */
export class RangeLock {
  constructor(
    private readonly store: ObjectStore,
    private readonly leaseMs: number,
    private readonly clock: () => number = Date.now,
  ) {}

  /** @throws RangeLockedError (retriable) if another process holds a part of the range */
  async acquire(run: string, range: DayRange): Promise<HeldRange> {
    const token = randomUUID();
    const lease = await this.change((leases) => {
      const now = this.clock();
      const others = leases.filter((each) => overlaps(each.range, range));
      const holder = others.find(({ untilMs }) => untilMs > now);
      if (holder !== undefined) {
        const until = new Date(holder.untilMs).toISOString();
        throw new RangeLockedError(RAW_ORDERS.table, rangeText(range), holder.run, until);
      }
      const fence = [...new Set(others.flatMap((each) => [each.run, ...each.fence]))].filter((id) => id !== run);
      const own: Lease = { run, token, range, untilMs: now + this.leaseMs, fence };
      return [[...leases.filter((each) => !others.includes(each)), own], own];
    });
    return new HeldRange(this, lease, this.leaseMs, this.clock);
  }

  /** The runs whose ranges a process holds now. */
  async holders(): Promise<ReadonlySet<string>> {
    const document = await this.store.readDocument(KEY);
    const leases = document === undefined ? [] : (JSON.parse(document.text) as Lease[]);
    const now = this.clock();
    return new Set(leases.flatMap(({ run, untilMs }) => (untilMs > now ? [run] : [])));
  }

  /** For `HeldRange`. */
  async renew(held: Lease): Promise<Lease> {
    return this.change((leases) => {
      const own = { ...held, untilMs: this.clock() + this.leaseMs };
      if (!leases.some(({ token }) => token === held.token)) throw lost(held);
      return [leases.map((each) => (each.token === held.token ? own : each)), own];
    });
  }

  /** For `HeldRange`. */
  async release(held: Lease): Promise<void> {
    await this.change((leases) => [leases.filter(({ token }) => token !== held.token), held]);
  }

  private async change(decide: (leases: readonly Lease[]) => [readonly Lease[], Lease]): Promise<Lease> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const document = await this.store.readDocument(KEY);
      const leases = document === undefined ? [] : (JSON.parse(document.text) as Lease[]);
      const [changed, result] = decide(leases);
      if ((await this.store.writeDocument(KEY, JSON.stringify(changed), document?.generation)) !== undefined)
        return result;
    }
    throw new LeaseLostError(`${this.store.location}/${KEY} is changed by others all the time.`, { retriable: true });
  }
}

const lost = ({ run, range }: Lease): LeaseLostError =>
  new LeaseLostError(
    `Run ${run} has lost the lease of ${rangeText(range)}: another run has taken it over. Its state is in npm run batch -- runs list.`,
  );

/** A lease that is renewed until it is released. */
export class HeldRange {
  private readonly lostLease = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly lock: RangeLock,
    private lease: Lease,
    leaseMs: number,
    private readonly clock: () => number,
  ) {
    this.timer = setInterval(() => {
      this.renew().catch((error: unknown) => {
        // The store may answer again before the lease ends.
        if (error instanceof LeaseLostError || this.clock() >= this.lease.untilMs) this.lostLease.abort(error);
      });
    }, leaseMs / 3);
  }

  /** Aborted when the lease is lost. */
  get signal(): AbortSignal {
    return this.lostLease.signal;
  }

  /** Runs to fence before the table is changed. */
  get fence(): readonly string[] {
    return this.lease.fence;
  }

  /** @throws LeaseLostError */
  async renew(): Promise<void> {
    if (this.clock() >= this.lease.untilMs) throw lost(this.lease);
    this.lease = await this.lock.renew(this.lease);
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.lock.release(this.lease);
  }
}

import { AppendFailedError } from './sink-errors';

/** The states of docs/sink-protocol.md. */
export type SinkState =
  'opening' | 'counting' | 'ready' | 'assigning' | 'running' | 'rejecting' | 'ending' | 'failed' | 'closed';

/** Allowed transitions. `failed` and `closed` may follow every active state. */
const NEXT: Readonly<Record<SinkState, readonly SinkState[]>> = {
  opening: ['counting', 'ready'],
  counting: ['ready'],
  ready: ['assigning', 'ending'],
  assigning: ['running'],
  running: ['rejecting', 'ending'],
  rejecting: ['running'],
  ending: ['ready'],
  failed: [],
  closed: [],
};

/**
 * The state machine of one partition's sink. A sink fails at most once and never recovers itself; the partition opens a
 * new one.
 */
export class SinkLifecycle {
  private current: SinkState = 'opening';
  private failure: { readonly cause: unknown } | undefined;
  private waiters: (() => void)[] = [];
  private readonly closing = new AbortController();

  constructor(
    /** Topic and partition, for messages. */
    readonly partitionName: string,
    /** Called once, when the sink has failed. */
    private readonly onFailure: (cause: unknown) => void,
  ) {}

  get state(): SinkState {
    return this.current;
  }

  /** Neither failed nor closed. */
  get isActive(): boolean {
    return this.current !== 'failed' && this.current !== 'closed';
  }

  /** Aborts when the sink is closed. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** @throws the cause of the failure if the sink has failed; AppendFailedError if it is closed */
  enter(next: SinkState): void {
    this.assertActive();
    if (!NEXT[this.current].includes(next)) {
      throw new RangeError(`${this.partitionName}: ${next} does not follow ${this.current}`);
    }
    this.current = next;
    this.notifyChange();
  }

  /** @throws the cause of the failure if the sink has failed; AppendFailedError if it is closed */
  assertActive(): void {
    if (this.failure !== undefined) throw this.failure.cause;
    if (this.current === 'closed') throw new AppendFailedError(`${this.partitionName} was closed`, 'unavailable');
  }

  fail(cause: unknown): void {
    if (!this.isActive) return;
    this.failure = { cause };
    this.current = 'failed';
    this.onFailure(cause);
    this.notifyChange();
  }

  /** Returns false if it was closed before. */
  close(): boolean {
    if (this.current === 'closed') return false;
    this.current = 'closed';
    this.closing.abort();
    this.notifyChange();
    return true;
  }

  /** Resolves at the next change: another state, an answered append, or a call of `notifyChange`. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  notifyChange(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

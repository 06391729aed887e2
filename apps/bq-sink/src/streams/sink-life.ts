import { AppendFailedError } from './sink-errors';

/** States of docs/sink-protocol.md. */
export type SinkState =
  'opening' | 'counting' | 'ready' | 'naming' | 'running' | 'rejecting' | 'ending' | 'failed' | 'closed';

/** What may follow each state, beside `failed` and `closed`: these follow any that is alive. */
const NEXT: Readonly<Record<SinkState, readonly SinkState[]>> = {
  opening: ['counting', 'ready'],
  counting: ['ready'],
  ready: ['naming', 'ending'],
  naming: ['running'],
  running: ['rejecting', 'ending'],
  rejecting: ['running'],
  ending: ['ready'],
  failed: [],
  closed: [],
};

/**
 * The state machine of one partition's sink: where it is, where it may go from there, and who waits for it to move on.
 * It fails at most once, and never recovers: the next instance does.
 */
export class SinkLife {
  private current: SinkState = 'opening';
  private failure: { readonly cause: unknown } | undefined;
  private waiters: (() => void)[] = [];
  private readonly closing = new AbortController();

  /** @param onFailure called once, with what went wrong, as soon as nothing more is to be done */
  constructor(
    /** Topic and partition, for messages. */
    readonly place: string,
    private readonly onFailure: (cause: unknown) => void,
  ) {}

  get state(): SinkState {
    return this.current;
  }

  get isAlive(): boolean {
    return this.current !== 'failed' && this.current !== 'closed';
  }

  /** Aborts when the sink is closed. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** @throws what ended the sink, if something did */
  enter(next: SinkState): void {
    this.check();
    if (!NEXT[this.current].includes(next)) {
      throw new RangeError(`${this.place}: ${next} does not follow ${this.current}`);
    }
    this.current = next;
    this.wake();
  }

  /** @throws what ended the sink, if something did */
  check(): void {
    if (this.failure !== undefined) throw this.failure.cause;
    if (this.current === 'closed') throw new AppendFailedError(`${this.place} was closed`, 'unavailable');
  }

  fail(cause: unknown): void {
    if (!this.isAlive) return;
    this.failure = { cause };
    this.current = 'failed';
    this.onFailure(cause);
    this.wake();
  }

  /** Returns whether it was open until now. */
  close(): boolean {
    if (this.current === 'closed') return false;
    this.current = 'closed';
    this.closing.abort();
    this.wake();
    return true;
  }

  /** Resolves when something happened that others may wait for: an answer, another state. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

interface Window {
  refusals: number;
  readonly endsAtMs: number;
}

export interface RefusalLimits {
  /** Refusals that one address is answered within a window before it is turned away unheard. */
  readonly refusalsPerWindow: number;
  readonly windowMs: number;
  /** Addresses that are told apart. */
  readonly maxAddresses: number;
}

const LIMITS: RefusalLimits = { refusalsPerWindow: 20, windowMs: 60_000, maxAddresses: 1_000 };

/** All addresses beyond `maxAddresses` share this window: forgetting one instead would let it start anew. */
const EVERYBODY_ELSE = '*';

/** Counts refused requests by remote address in fixed windows. Bounded in memory whoever asks. */
export class RefusalLimiter {
  private readonly windows = new Map<string, Window>();

  constructor(
    private readonly now: () => number = Date.now,
    private readonly limits: RefusalLimits = LIMITS,
  ) {}

  /** Milliseconds for which the address is turned away; 0 when it may be heard. */
  blockedForMs(address: string): number {
    const window = this.current(address) ?? this.overflow(address);
    if (window === undefined || window.refusals < this.limits.refusalsPerWindow) return 0;
    return window.endsAtMs - this.now();
  }

  refused(address: string): void {
    const known = this.current(address);
    if (known !== undefined) {
      known.refusals += 1;
      return;
    }
    if (this.windows.size >= this.limits.maxAddresses) this.dropEnded();
    const key = this.windows.size >= this.limits.maxAddresses ? EVERYBODY_ELSE : address;
    const window = this.current(key) ?? { refusals: 0, endsAtMs: this.now() + this.limits.windowMs };
    window.refusals += 1;
    this.windows.set(key, window);
  }

  private overflow(address: string): Window | undefined {
    return this.windows.size >= this.limits.maxAddresses && !this.windows.has(address)
      ? this.current(EVERYBODY_ELSE)
      : undefined;
  }

  private current(key: string): Window | undefined {
    const window = this.windows.get(key);
    if (window === undefined || window.endsAtMs > this.now()) return window;
    this.windows.delete(key);
    return undefined;
  }

  private dropEnded(): void {
    for (const key of [...this.windows.keys()]) this.current(key);
  }
}

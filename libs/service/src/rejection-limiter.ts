interface Window {
  rejections: number;
  readonly endsAtMs: number;
}

export interface RejectionLimits {
  /** Rejections that one address is answered within a window before it is turned away unheard. */
  readonly rejectionsPerWindow: number;
  readonly windowMs: number;
  /** Addresses that are told apart. */
  readonly maxAddresses: number;
}

const LIMITS: RejectionLimits = { rejectionsPerWindow: 20, windowMs: 60_000, maxAddresses: 1_000 };

/** All addresses beyond `maxAddresses` share this window: forgetting one instead would let it start anew. */
const EVERYBODY_ELSE = '*';

/** Counts rejected requests by remote address in fixed windows. Bounded in memory whoever asks. */
export class RejectionLimiter {
  private readonly windows = new Map<string, Window>();

  constructor(
    private readonly now: () => number = Date.now,
    private readonly limits: RejectionLimits = LIMITS,
  ) {}

  /** Milliseconds for which the address is turned away; 0 when it may be heard. */
  blockedForMs(address: string): number {
    const window = this.current(address) ?? this.overflow(address);
    if (window === undefined || window.rejections < this.limits.rejectionsPerWindow) return 0;
    return window.endsAtMs - this.now();
  }

  rejected(address: string): void {
    const known = this.current(address);
    if (known !== undefined) {
      known.rejections += 1;
      return;
    }
    if (this.windows.size >= this.limits.maxAddresses) this.dropEnded();
    const key = this.windows.size >= this.limits.maxAddresses ? EVERYBODY_ELSE : address;
    const window = this.current(key) ?? { rejections: 0, endsAtMs: this.now() + this.limits.windowMs };
    window.rejections += 1;
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

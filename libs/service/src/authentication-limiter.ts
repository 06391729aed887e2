interface Window {
  failures: number;
  readonly endsAtMs: number;
}

export interface AuthenticationLimits {
  /** Failed authentications of one address in a window before it is blocked for the rest of the window. */
  readonly failuresPerWindow: number;
  readonly windowMs: number;
  /** Largest number of addresses with a window of their own. */
  readonly maxAddresses: number;
}

const LIMITS: AuthenticationLimits = { failuresPerWindow: 20, windowMs: 60_000, maxAddresses: 1_000 };

/** Addresses beyond `maxAddresses` share one window. If the oldest were evicted instead, it could start again. */
const OTHER_ADDRESSES = '*';

/** Counts failed authentications by remote address, in fixed windows. Its memory is bounded. */
export class AuthenticationLimiter {
  private readonly windows = new Map<string, Window>();

  constructor(
    private readonly now: () => number = Date.now,
    private readonly limits: AuthenticationLimits = LIMITS,
  ) {}

  /** Milliseconds until the address is no longer blocked; 0 when it is not blocked. */
  blockedForMs(address: string): number {
    const window = this.current(address) ?? this.shared(address);
    if (window === undefined || window.failures < this.limits.failuresPerWindow) return 0;
    return window.endsAtMs - this.now();
  }

  authenticationFailed(address: string): void {
    const known = this.current(address);
    if (known !== undefined) {
      known.failures += 1;
      return;
    }
    if (this.windows.size >= this.limits.maxAddresses) this.dropEnded();
    const key = this.windows.size >= this.limits.maxAddresses ? OTHER_ADDRESSES : address;
    const window = this.current(key) ?? { failures: 0, endsAtMs: this.now() + this.limits.windowMs };
    window.failures += 1;
    this.windows.set(key, window);
  }

  private shared(address: string): Window | undefined {
    return this.windows.size >= this.limits.maxAddresses && !this.windows.has(address)
      ? this.current(OTHER_ADDRESSES)
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

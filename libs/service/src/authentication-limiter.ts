interface Window {
  failures: number;
  readonly endsAtMs: number;
}

export interface AuthenticationLimits {
  /** Failed authentications of one address in a window before it is blocked for the rest of the window. */
  readonly failuresPerWindow: number;
  /** Failed authentications of all addresses in a window before every address is blocked for the rest of the window. */
  readonly failuresInSum: number;
  readonly windowMs: number;
  /** Largest number of addresses with a window of their own. */
  readonly maxAddresses: number;
}

const LIMITS: AuthenticationLimits = {
  failuresPerWindow: 20,
  failuresInSum: 400,
  windowMs: 60_000,
  maxAddresses: 1_000,
};

/** Addresses beyond `maxAddresses` share one window. If the oldest were evicted instead, it could start again. */
const OTHER_ADDRESSES = '*';

/** Counts failed authentications by remote address and in sum, in fixed windows. Its memory is bounded. */
export class AuthenticationLimiter {
  private readonly windows = new Map<string, Window>();
  private sum: Window | undefined;

  constructor(
    private readonly now: () => number = Date.now,
    private readonly limits: AuthenticationLimits = LIMITS,
  ) {}

  /** Milliseconds until the address is no longer blocked; 0 when it is not blocked. */
  blockedForMs(address: string): number {
    const { failuresPerWindow, failuresInSum } = this.limits;
    const window = this.current(address) ?? this.shared(address);
    return Math.max(this.leftMs(window, failuresPerWindow), this.leftMs(this.sum, failuresInSum));
  }

  authenticationFailed(address: string): void {
    if (this.sum === undefined || this.sum.endsAtMs <= this.now()) this.sum = this.newWindow();
    this.sum.failures += 1;
    const known = this.current(address);
    if (known !== undefined) {
      known.failures += 1;
      return;
    }
    if (this.windows.size >= this.limits.maxAddresses) this.dropEnded();
    const key = this.windows.size >= this.limits.maxAddresses ? OTHER_ADDRESSES : address;
    const window = this.current(key) ?? this.newWindow();
    window.failures += 1;
    this.windows.set(key, window);
  }

  /** Until the window ends, if it has reached the limit. */
  private leftMs(window: Window | undefined, limit: number): number {
    return window === undefined || window.failures < limit ? 0 : Math.max(0, window.endsAtMs - this.now());
  }

  private newWindow(): Window {
    return { failures: 0, endsAtMs: this.now() + this.limits.windowMs };
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

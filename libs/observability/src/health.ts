/** The result of a check. `/health` shows the detail without authentication: no secrets, no personal data. */
export interface Check {
  readonly ok: boolean;
  readonly detail?: unknown;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/**
 * The checks of `/health/live` and `/health/ready`. Liveness fails when only a restart helps (a consumer stopped or hangs).
 * Readiness fails while the service does not process records (starting, restoring, paused, stopping).
 *
 * A check answers from memory. A check that throws has failed.
 */
export class Health {
  private readonly liveChecks = new Map<string, () => Check>();
  private readonly readyChecks = new Map<string, () => Check>();

  /** Adds a check of liveness, or replaces the one of this name. */
  live(name: string, check: () => Check): void {
    this.liveChecks.set(name, check);
  }

  /** Adds a check of readiness, or replaces the one of this name. */
  ready(name: string, check: () => Check): void {
    this.readyChecks.set(name, check);
  }

  liveness(): HealthReport {
    return report(this.liveChecks);
  }

  readiness(): HealthReport {
    return report(this.readyChecks);
  }
}

function report(checks: ReadonlyMap<string, () => Check>): HealthReport {
  const results = [...checks].map(([name, check]): [string, Check] => [name, run(check)]);
  return { ok: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
}

function run(check: () => Check): Check {
  try {
    return check();
  } catch (error) {
    return { ok: false, detail: `the check failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

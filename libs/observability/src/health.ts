/** What a part of the service says of itself. The detail is shown to whoever asks: no secrets, no personal data. */
export interface Check {
  readonly ok: boolean;
  readonly detail?: unknown;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/**
 * The checks behind `/health/live` and `/health/ready`. Live: false when only a restart helps (a consumer stopped or
 * hangs). Ready: false while the service does not do its work (opening, restoring, paused, stopping).
 *
 * A check answers from memory, at once; one that throws counts as failed.
 */
export class Health {
  private readonly liveChecks = new Map<string, () => Check>();
  private readonly readyChecks = new Map<string, () => Check>();

  /** Registering a name again replaces its check. */
  live(name: string, check: () => Check): void {
    this.liveChecks.set(name, check);
  }

  /** Registering a name again replaces its check. */
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
    return { ok: false, detail: `the check itself failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

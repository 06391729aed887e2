interface Version<V> {
  /** occurred_at in microseconds since the epoch. */
  readonly sinceMicros: number;
  readonly value: V;
}

/** What was true of one thing over time, by occurred_at: the newest versions, up to a bound. */
export class VersionHistory<V> {
  private readonly versions: Version<V>[] = [];
  private truncated = false;

  constructor(
    private readonly maxVersions: number,
    private readonly same: (a: V, b: V) => boolean,
  ) {}

  /** Adds what holds from `sinceMicros` on. Of two with the same time the one added last holds. */
  add(sinceMicros: number, value: V): void {
    let at = this.versions.length;
    while (at > 0 && (this.versions[at - 1]?.sinceMicros ?? 0) > sinceMicros) at--;
    const before = this.versions[at - 1];
    // Only at the end: a version that repeats its predecessor still parts what lies before from what lies behind.
    if (at === this.versions.length && before !== undefined && this.same(before.value, value)) return;
    this.versions.splice(at, 0, { sinceMicros, value });
    if (this.versions.length > this.maxVersions) {
      this.versions.shift();
      this.truncated = true;
    }
  }

  /**
   * What held at a time, inclusive. Before the first version that is the first one; undefined if older versions were
   * dropped, so that nobody can say.
   */
  at(micros: number): V | undefined {
    for (let index = this.versions.length - 1; index >= 0; index--) {
      const version = this.versions[index];
      if (version !== undefined && version.sinceMicros <= micros) return version.value;
    }
    return this.truncated ? undefined : this.versions[0]?.value;
  }
}

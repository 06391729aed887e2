export interface Version<V> {
  /** occurred_at in microseconds since the epoch. */
  readonly sinceMicros: number;
  readonly value: V;
}

/** The newest versions of one entity by occurred_at, up to a bound. Repeated versions leave first. */
export class VersionHistory<V> {
  private readonly versions: Version<V>[] = [];
  private truncated = false;

  constructor(
    private readonly maxVersions: number,
    private readonly same: (a: V, b: V) => boolean,
  ) {}

  /**
   * Adds the value that is valid from `sinceMicros` on. Of two values with the same time, the one added last is valid.
   */
  add(sinceMicros: number, value: V): void {
    let at = this.versions.length;
    while (at > 0 && (this.versions[at - 1]?.sinceMicros ?? 0) > sinceMicros) at--;
    this.versions.splice(at, 0, { sinceMicros, value });
    if (this.versions.length > this.maxVersions) this.drop();
  }

  /**
   * Drops the oldest version that repeats its predecessor, otherwise the oldest version. A repeat changes nothing by
   * itself, but it limits where a different version that arrives late is valid. Without it such a version is valid up
   * to the next one that is left.
   */
  private drop(): void {
    const repeat = this.versions.findIndex(({ value }, index) => {
      const before = this.versions[index - 1];
      return before !== undefined && this.same(before.value, value);
    });
    this.versions.splice(Math.max(repeat, 0), 1);
    if (repeat < 0) this.truncated = true;
  }

  /**
   * The value that is valid at a time. Before the first version it is the first one, or undefined if older versions
   * were dropped.
   */
  at(micros: number): V | undefined {
    for (let index = this.versions.length - 1; index >= 0; index--) {
      const version = this.versions[index];
      if (version !== undefined && version.sinceMicros <= micros) return version.value;
    }
    return this.truncated ? undefined : this.versions[0]?.value;
  }

  /** The versions, oldest first. */
  get entries(): readonly Version<V>[] {
    return this.versions;
  }

  /** Whether older versions were dropped, or may be missing. */
  get isTruncated(): boolean {
    return this.truncated;
  }

  /** Sets the versions, oldest first, as another history had them. */
  restore(versions: readonly Version<V>[], isTruncated: boolean): this {
    this.versions.splice(0, Infinity, ...versions);
    this.truncated = isTruncated;
    return this;
  }

  /** Drops the versions that ended before this time. The one that was valid then stays. */
  forgetBefore(micros: number): void {
    const next = this.versions.findIndex(({ sinceMicros }) => sinceMicros > micros);
    const ended = (next < 0 ? this.versions.length : next) - 1;
    if (ended <= 0) return;
    this.versions.splice(0, ended);
    this.truncated = true;
  }
}

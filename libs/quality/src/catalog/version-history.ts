export interface Version<V> {
  /** occurred_at in microseconds since the epoch. */
  readonly sinceMicros: number;
  readonly value: V;
}

/** What a history remembers. */
export type Remembered<V> = Pick<VersionHistory<V>, 'entries' | 'missingBeforeMicros' | 'repeatedUntilMicros'>;

/** The newest versions of one entity by occurred_at, up to a bound. Repeated versions leave first. */
export class VersionHistory<V> {
  private readonly versions: Version<V>[] = [];
  private missingBefore: number | undefined;
  private repeatedUntil: number | undefined;

  constructor(
    private readonly maxVersions: number,
    private readonly same: (a: V, b: V) => boolean,
  ) {}

  /**
   * Adds the value that is valid from `sinceMicros` on. Of two values with the same time, the one added last is valid. One
   * that was followed by a repeat that was dropped has no known end, unless it repeats a predecessor that has one.
   * @param following how many versions of the same time were announced after it
   */
  add(sinceMicros: number, value: V, following = 0): void {
    let at = this.versions.length;
    while (at > 0 && (this.versions[at - 1]?.sinceMicros ?? 0) > sinceMicros) at--;
    for (let left = following; left > 0 && this.versions[at - 1]?.sinceMicros === sinceMicros; left--) at--;
    const before = this.versions[at - 1];
    this.versions.splice(at, 0, { sinceMicros, value });
    const { repeatedUntil = -Infinity, missingBefore = -Infinity } = this;
    const isRepeat = before !== undefined && before.sinceMicros >= missingBefore && this.same(before.value, value);
    if (sinceMicros < repeatedUntil && !isRepeat) this.missBefore(sinceMicros + 1);
    if (this.versions.length > this.maxVersions) this.drop();
  }

  /**
   * Drops the oldest version that repeats its predecessor, otherwise the oldest version. A repeat changes nothing by
   * itself, but it limits where a different version that arrives late is valid: see `add`.
   */
  private drop(): void {
    const repeat = this.versions.findIndex(({ value }, index) => {
      const before = this.versions[index - 1];
      return before !== undefined && this.same(before.value, value);
    });
    if (repeat < 0) this.forgetFirst(1);
    else {
      const [dropped] = this.versions.splice(repeat, 1);
      this.repeatedUntil = Math.max(dropped?.sinceMicros ?? -Infinity, this.repeatedUntil ?? -Infinity);
    }
  }

  /**
   * The value that is valid at a time. Before the first version it is the first one. Undefined where a version that is
   * missing may have been valid.
   */
  at(micros: number): V | undefined {
    for (let index = this.versions.length - 1; index >= 0; index--) {
      const version = this.versions[index];
      if (version === undefined || version.sinceMicros > micros) continue;
      return version.sinceMicros >= (this.missingBefore ?? -Infinity) ? version.value : undefined;
    }
    return this.missingBefore === undefined ? this.versions[0]?.value : undefined;
  }

  /** The versions, oldest first. */
  get entries(): readonly Version<V>[] {
    return this.versions;
  }

  /** Versions before this time were dropped, or may be missing. Undefined: none is missing. */
  get missingBeforeMicros(): number | undefined {
    return this.missingBefore;
  }

  /** Time of the last repeated version that was dropped. */
  get repeatedUntilMicros(): number | undefined {
    return this.repeatedUntil;
  }

  /** Sets what another history had: the versions oldest first. */
  restore({ entries, missingBeforeMicros, repeatedUntilMicros }: Remembered<V>): this {
    this.versions.splice(0, Infinity, ...entries);
    this.missingBefore = missingBeforeMicros;
    this.repeatedUntil = repeatedUntilMicros;
    return this;
  }

  /** Drops the versions that ended before this time. The one that was valid then stays. */
  forgetBefore(micros: number): void {
    const next = this.versions.findIndex(({ sinceMicros }) => sinceMicros > micros);
    const ended = (next < 0 ? this.versions.length : next) - 1;
    if (ended > 0) this.forgetFirst(ended);
  }

  private forgetFirst(count: number): void {
    const last = this.versions.splice(0, count).at(-1);
    if (last !== undefined) this.missBefore(last.sinceMicros + 1);
  }

  /** Versions before this time may be missing. */
  missBefore(micros: number): void {
    this.missingBefore = Math.max(micros, this.missingBefore ?? -Infinity);
  }
}

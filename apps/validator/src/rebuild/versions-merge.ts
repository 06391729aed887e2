import { type CatalogVersions, CatalogVersionsOverlay, type StateRecord } from '@orderstream/quality';

export interface MergedVersions {
  /** For the versions topic, the position last. */
  readonly records: readonly StateRecord[];
  readonly report: {
    /** Entities that the log added or changed. */
    readonly merged: number;
    /** Records that could not be read, and that the log does not replace. */
    readonly removed: number;
    /** Entities may be missing: an order that refers to an unknown one is flagged, not rejected. */
    readonly cut: boolean;
  };
}

/**
 * Merges the validated catalog log of a partition into its versions. What the versions topic holds stays. If it does not
 * hold everything up to the committed offset, and retention has removed a piece of the log, entities may be missing, and
 * the versions of an added one may not go back to its first. So it is with records of the log that cannot be read. What
 * is missing may be of any entity, up to its time.
 */
export class VersionsMerge {
  private readonly overlay: CatalogVersionsOverlay;

  private constructor(
    private readonly versions: CatalogVersions,
    private readonly removed: readonly string[],
    /** The versions topic holds everything up to the committed offset, and all of it can be read. */
    private readonly isWhole: boolean,
    private isCut: boolean,
    private missingBeforeMicros: number | undefined,
  ) {
    this.overlay = new CatalogVersionsOverlay(versions);
  }

  /**
   * @param versions what the versions topic holds; its restore has not ended
   * @param removedUntilMs the latest time of a version that retention has removed from the log; undefined: none
   */
  static into(versions: CatalogVersions, committedOffset: number, removedUntilMs: number | undefined): VersionsMerge {
    const isLogWhole = removedUntilMs === undefined;
    const isCurrent = versions.position?.rawOffset === committedOffset;
    const mayLack = versions.position?.isCut === true || (!isLogWhole && !isCurrent);
    const removedBeforeMicros = isLogWhole ? undefined : microsAfter(removedUntilMs);
    const removed = versions.finishPartialRestore(mayLack, removedBeforeMicros);
    // What the versions topic holds up to the committed offset lacks nothing.
    const missingBeforeMicros = isCurrent ? undefined : removedBeforeMicros;
    const isWhole = isCurrent && removed.length === 0;
    const isCut = mayLack || (removed.length > 0 && !isLogWhole);
    return new VersionsMerge(versions, removed, isWhole, isCut, missingBeforeMicros);
  }

  /** Adds one validated record, in the order of the log. @param appendMs see `countedAppendMs` */
  accepted(value: Buffer | null, appendMs: number): void {
    if (value === null) return;
    let body: unknown;
    try {
      body = JSON.parse(value.toString());
    } catch {
      // No validator wrote it: the rebuild of the state counts it as ignored.
      return;
    }
    this.overlay.merge(body, appendMs);
  }

  /** Records that cannot be read follow in the log. @param untilMs the latest time of a version among them */
  unreadable(untilMs: number): void {
    if (this.isWhole) return;
    this.isCut = true;
    this.missingBeforeMicros = Math.max(this.missingBeforeMicros ?? -Infinity, microsAfter(untilMs));
    // Of an entity that is added from here on, the first versions may be among them.
    this.versions.catalog.truncate(this.missingBeforeMicros);
  }

  finish(committedOffset: number): MergedVersions {
    const { overlay, isCut } = this;
    // The cut changes every entity.
    const merged = overlay.size;
    if (isCut) overlay.cut(this.missingBeforeMicros);
    const removed = this.removed.filter((key) => !overlay.changed(key)).map((key) => ({ key, value: null }));
    return {
      records: [...removed, ...overlay.records(committedOffset)],
      report: { merged, removed: removed.length, cut: isCut },
    };
  }
}

const microsAfter = (ms: number): number => ms * 1_000 + 1;

import { validatedTopic } from '@orderstream/contracts';
import { fetchLogBounds } from '@orderstream/kafka';
import {
  type CatalogLimits,
  type CatalogVersions,
  CatalogVersionsOverlay,
  type StateRecord,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { readVersions } from '../partitions/restore-state';

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
 * the versions of an added one may not go back to its first. So it is with records of the log that cannot be read.
 */
export class VersionsMerge {
  private readonly overlay: CatalogVersionsOverlay;

  private constructor(
    private readonly versions: CatalogVersions,
    private readonly removed: readonly string[],
    /** The versions topic holds everything up to the committed offset, and all of it can be read. */
    private readonly isWhole: boolean,
    private isCut: boolean,
  ) {
    this.overlay = new CatalogVersionsOverlay(versions);
  }

  static async begin(
    { kafka, partition, catalogLimits }: { kafka: Kafka; partition: number; catalogLimits: CatalogLimits },
    committedOffset: number,
  ): Promise<VersionsMerge> {
    const { versions } = await readVersions(kafka, partition, catalogLimits);
    const { beginnings } = await fetchLogBounds(kafka, validatedTopic('catalog'));
    const isLogWhole = (beginnings[partition] ?? 0) === 0;
    const isCurrent = versions.position?.rawOffset === committedOffset;
    const mayLack = versions.position?.isCut === true || (!isLogWhole && !isCurrent);
    const removed = versions.finishPartialRestore(mayLack);
    const isWhole = isCurrent && removed.length === 0;
    return new VersionsMerge(versions, removed, isWhole, mayLack || (removed.length > 0 && !isLogWhole));
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

  /** Records that cannot be read follow in the log. */
  unreadable(): void {
    if (this.isWhole) return;
    this.isCut = true;
    // Of an entity that is added from here on, the first versions may be among them.
    this.versions.catalog.truncated = true;
  }

  finish(committedOffset: number): MergedVersions {
    const { overlay, isCut } = this;
    if (isCut) overlay.cut();
    const removed = this.removed.filter((key) => !overlay.changed(key)).map((key) => ({ key, value: null }));
    return {
      records: [...removed, ...overlay.records(committedOffset)],
      report: { merged: overlay.size, removed: removed.length, cut: isCut },
    };
  }
}

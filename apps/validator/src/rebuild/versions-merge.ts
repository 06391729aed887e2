import { validatedTopic } from '@orderstream/contracts';
import { fetchLogBounds, type KafkaRecord } from '@orderstream/kafka';
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
 * the versions of an added one may not go back to its first.
 */
export class VersionsMerge {
  private readonly overlay: CatalogVersionsOverlay;

  private constructor(
    versions: CatalogVersions,
    private readonly unreadable: readonly string[],
    private readonly isCut: boolean,
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
    const unreadable = versions.finishPartialRestore(mayLack);
    return new VersionsMerge(versions, unreadable, mayLack || (unreadable.length > 0 && !isLogWhole));
  }

  /** Adds one validated record, in the order of the log. */
  accepted({ value, timestamp }: KafkaRecord): void {
    if (value === null) return;
    let body: unknown;
    try {
      body = JSON.parse(value.toString());
    } catch {
      // No validator wrote it: the rebuild of the state counts it as ignored.
      return;
    }
    this.overlay.merge(body, timestamp);
  }

  finish(committedOffset: number): MergedVersions {
    const { overlay, isCut } = this;
    if (isCut) overlay.cut();
    const removed = this.unreadable.filter((key) => !overlay.changed(key)).map((key) => ({ key, value: null }));
    return {
      records: [...removed, ...overlay.records(committedOffset)],
      report: { merged: overlay.size, removed: removed.length, cut: isCut },
    };
  }
}

import { isDeepStrictEqual } from 'node:util';
import { StateUnreadableError } from '../errors';
import type { StateRecord } from '../state/state-record';
import { announce, Catalog, type CatalogEntity, type CatalogLimits, DEFAULT_CATALOG_LIMITS } from './catalog';
import { type Announcement, announcementOf } from './catalog-event';
import { type CatalogPosition, decodeCatalogRecord, entityRecord, positionRecord } from './catalog-records';
import type { Version } from './version-history';

/** How long a version is remembered after it ended, by the append time of the next change of its entity. */
export const CATALOG_WINDOW_DAYS = 90;
const WINDOW_MICROS = CATALOG_WINDOW_DAYS * 86_400_000_000;

/**
 * The versions of the vendors and products of one raw catalog partition, as committed: what the versions topic holds.
 * Only a restore and the fold of a `CatalogVersionsOverlay` change it.
 */
export class CatalogVersions {
  readonly catalog: Catalog;
  /** Undefined: the versions partition holds none. */
  position: CatalogPosition | undefined;
  /** By key: records that cannot be read and that no later record has replaced. */
  private readonly unreadable = new Map<string, StateUnreadableError>();

  constructor(limits: CatalogLimits = DEFAULT_CATALOG_LIMITS) {
    this.catalog = new Catalog(limits);
  }

  /** Restores one record of the versions topic, in the order of the log. `finishRestore` reports what is unreadable. */
  restoreRecord(key: Buffer, value: Buffer | null): void {
    const name = key.toString();
    this.unreadable.delete(name);
    try {
      const record = decodeCatalogRecord(name, value === null ? null : value.toString(), this.catalog.limits);
      if (record.kind === 'position') this.position = record.position;
      else if (record.kind === 'deleted') this.catalog.delete(record.entity, record.id);
      else this.catalog.set(record.item);
    } catch (error) {
      if (!(error instanceof StateUnreadableError)) throw error;
      this.unreadable.set(name, error);
    }
  }

  /**
   * Ends a restore.
   * @throws StateUnreadableError for the first record that cannot be read
   */
  finishRestore(): void {
    for (const error of this.unreadable.values()) throw error;
    if (this.position?.isCut === true) this.catalog.truncate(this.position.missingBeforeMicros);
  }

  /**
   * Ends the restore of a rebuild, which replaces what cannot be read.
   * @param isCut whether entities may be missing that were announced: those that are added are truncated
   * @param missingBeforeMicros see `CatalogPosition`
   * @returns the keys of the records that could not be read
   */
  finishPartialRestore(isCut: boolean, missingBeforeMicros?: number): readonly string[] {
    const keys = [...this.unreadable.keys()];
    this.unreadable.clear();
    if (this.position?.isCut === true) this.catalog.truncate(this.position.missingBeforeMicros);
    if (isCut || keys.length > 0) this.catalog.truncate(missingBeforeMicros);
    return keys;
  }
}

interface MergedInto {
  readonly entries: Version<unknown>[];
  readonly missingBeforeMicros: number | undefined;
}

/**
 * The changes of an open batch on top of a partition's committed versions, which stay unchanged until `fold`. To discard
 * the changes, drop the overlay.
 */
export class CatalogVersionsOverlay {
  private readonly changes = new Map<string, CatalogEntity>();
  /** What the entities of `merge` had at first, without what the log has named. */
  private readonly merging = new Map<string, MergedInto>();
  private isCut: boolean;
  private missingBeforeMicros: number | undefined;

  constructor(private readonly base: CatalogVersions) {
    this.isCut = base.position?.isCut ?? false;
    this.missingBeforeMicros = base.position?.missingBeforeMicros;
  }

  /** Adds one accepted catalog event, appended at this time. Ignores a body that is not one. */
  apply(body: unknown, appendMs: number): void {
    const announcement = announcementOf(body);
    if (announcement !== undefined) this.add(announcement, appendMs);
  }

  /**
   * As `apply`, for the events of a log from its beginning, each of which may have been applied before: then it changes
   * nothing. What the entity had dropped stays dropped. Of two equal events each is applied once. What the entity has and the
   * log has not named yet follows in the log, and stays valid where the times are equal.
   */
  merge(body: unknown, appendMs: number): void {
    const announcement = announcementOf(body);
    if (announcement === undefined) return;
    const { entries, missingBeforeMicros = -Infinity } = this.mergedInto(announcement);
    if (announcement.sinceMicros < missingBeforeMicros) return;
    const sameTime = entries.filter(({ sinceMicros }) => sinceMicros === announcement.sinceMicros);
    const known = sameTime.find(({ value }) => isDeepStrictEqual(value, announcement.value));
    if (known === undefined) this.add(announcement, appendMs, sameTime.length);
    else entries.splice(entries.indexOf(known), 1);
  }

  /** Whether this batch changes the entity of a key of the versions topic. */
  changed(key: string): boolean {
    return this.changes.has(key);
  }

  /** Number of entities that this batch changes. */
  get size(): number {
    return this.changes.size;
  }

  /**
   * Announcements may have been left out: from now on an unknown entity may exist, and of each known one a version may be
   * missing that it had before this time. To be called when the batch has all its announcements.
   * @param missingBeforeMicros undefined: the versions of the known entities are complete
   */
  cut(missingBeforeMicros: number | undefined): void {
    this.isCut = true;
    if (missingBeforeMicros === undefined) return;
    this.missingBeforeMicros = Math.max(missingBeforeMicros, this.missingBeforeMicros ?? -Infinity);
    for (const { entity, id } of this.base.catalog.entities()) {
      const key = keyOf({ entity, id });
      if (!this.changes.has(key)) this.changes.set(key, this.base.catalog.copyOf({ entity, id, sinceMicros: 0 }));
    }
    for (const { history } of this.changes.values()) history.missBefore(missingBeforeMicros);
  }

  /** The versions topic's records of this batch, the position last. `rawOffset` is the next offset after this batch. */
  *records(rawOffset: number): Generator<StateRecord> {
    for (const item of this.changes.values()) yield entityRecord(item);
    yield positionRecord(this.positionAt(rawOffset));
  }

  /** Applies the changes to the versions. Call it once, when the batch is known to be committed. */
  fold(rawOffset: number): void {
    const { base } = this;
    for (const item of this.changes.values()) base.catalog.set(item);
    base.position = this.positionAt(rawOffset);
    if (this.isCut) base.catalog.truncate(this.missingBeforeMicros);
  }

  private positionAt(rawOffset: number): CatalogPosition {
    const { isCut, missingBeforeMicros } = this;
    return { rawOffset, isCut, ...(missingBeforeMicros === undefined ? {} : { missingBeforeMicros }) };
  }

  /** @param following see `VersionHistory.add` */
  private add(announcement: Announcement, appendMs: number, following?: number): void {
    const item = announce(this.itemOf(announcement), announcement, following);
    item.history.forgetBefore(appendMs * 1_000 - WINDOW_MICROS);
    this.changes.set(keyOf(item), item);
  }

  private mergedInto(announcement: Announcement): MergedInto {
    const key = keyOf(announcement);
    let merged = this.merging.get(key);
    if (merged === undefined) {
      const { entity, id } = announcement;
      const { catalog } = this.base;
      const history = entity === 'vendor' ? catalog.vendor(id) : catalog.product(id);
      merged = { entries: [...(history?.entries ?? [])], missingBeforeMicros: history?.missingBeforeMicros };
      this.merging.set(key, merged);
    }
    return merged;
  }

  private itemOf(announcement: Announcement): CatalogEntity {
    return this.changes.get(keyOf(announcement)) ?? this.base.catalog.copyOf(announcement);
  }
}

const keyOf = ({ entity, id }: Pick<Announcement, 'entity' | 'id'>): string => `${entity}/${id}`;

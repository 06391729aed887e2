import { StateUnreadableError } from '../errors';
import type { StateRecord } from '../state/state-record';
import type { CatalogEntity, CatalogLimits } from './catalog';
import {
  type Entity,
  isSameProduct,
  isSameVendor,
  productVersionOf,
  type ProductVersion,
  type VendorVersion,
  vendorVersionOf,
} from './catalog-event';
import { type Version, VersionHistory } from './version-history';

/** Version of every record of the versions topic. A reader rejects any other version. */
const CATALOG_VERSION = 1;

/** Key of the record that says how far of its raw partition a partition of the versions topic has. */
const POSITION_KEY = 'position';

/** How far of its raw partition a partition of the versions topic has. */
export interface CatalogPosition {
  /** The next offset of the raw partition: what lies below it has been evaluated. */
  readonly rawOffset: number;
  /** Whether entities may be missing that were announced below it. */
  readonly isCut: boolean;
  /** Of each of them, versions before this time may be missing. Undefined where the time is not known. */
  readonly missingBeforeMicros?: number | undefined;
}

/** One record of the versions topic. */
export type CatalogRecord =
  | { readonly kind: 'entity'; readonly item: CatalogEntity }
  | { readonly kind: 'deleted'; readonly entity: Entity; readonly id: string }
  | { readonly kind: 'position'; readonly position: CatalogPosition | undefined };

export const positionRecord = ({ rawOffset, isCut, missingBeforeMicros }: CatalogPosition): StateRecord => ({
  key: POSITION_KEY,
  value: JSON.stringify({ v: CATALOG_VERSION, rawOffset, ...(isCut ? { cut: true, missingBeforeMicros } : {}) }),
});

/**
 * The record of an entity. A version that repeats the one before has its time alone, in `repeatedMicros`. `truncated`:
 * versions before `missingBeforeMicros` may be missing, or before the first in a record without that time.
 */
export function entityRecord(item: CatalogEntity): StateRecord {
  const { missingBeforeMicros, repeatedUntilMicros } = item.history;
  const versions =
    item.entity === 'vendor'
      ? grouped(item.history, isSameVendor, ({ vendor_name, vendor_address, vendor_vertical }) => ({
          vendor_name,
          vendor_address,
          vendor_vertical,
        }))
      : grouped(item.history, isSameProduct, ({ item_name }) => ({ item_name }));
  return {
    key: `${item.entity}/${item.id}`,
    value: JSON.stringify({
      v: CATALOG_VERSION,
      versions,
      ...(missingBeforeMicros === undefined ? {} : { truncated: true, missingBeforeMicros }),
      repeatedUntilMicros,
    }),
  };
}

/** @throws StateUnreadableError if the record is damaged or of an unknown version */
export function decodeCatalogRecord(
  key: string,
  value: string | null,
  { maxVersions }: Pick<CatalogLimits, 'maxVersions'>,
): CatalogRecord {
  try {
    if (key === POSITION_KEY) return { kind: 'position', position: value === null ? undefined : decodePosition(value) };
    const slash = key.indexOf('/');
    const [entity, id] = [key.slice(0, slash), key.slice(slash + 1)];
    if (entity !== 'vendor' && entity !== 'product') throw new TypeError('its kind is unknown');
    if (value === null) return { kind: 'deleted', entity, id };
    const fields = fieldsOf(value);
    if (entity === 'vendor') {
      const history = new VersionHistory<VendorVersion>(maxVersions, isSameVendor);
      restore(history, versionsOf(fields, vendorVersionOf), fields);
      return { kind: 'entity', item: { entity, id, history } };
    }
    const history = new VersionHistory<ProductVersion>(maxVersions, isSameProduct);
    restore(history, versionsOf(fields, productVersionOf), fields);
    return { kind: 'entity', item: { entity, id, history } };
  } catch (cause) {
    throw new StateUnreadableError(key, cause);
  }
}

function grouped<V>(
  { entries }: VersionHistory<V>,
  same: (a: V, b: V) => boolean,
  fieldsOfValue: (value: V) => object,
): object[] {
  const groups: { value: V; sinceMicros: number; repeatedMicros: number[] }[] = [];
  for (const { sinceMicros, value } of entries) {
    const last = groups.at(-1);
    if (last !== undefined && same(last.value, value)) last.repeatedMicros.push(sinceMicros);
    else groups.push({ value, sinceMicros, repeatedMicros: [] });
  }
  return groups.map(({ value, sinceMicros, repeatedMicros }) => ({
    sinceMicros,
    ...fieldsOfValue(value),
    ...(repeatedMicros.length > 0 ? { repeatedMicros } : {}),
  }));
}

type Fields = Readonly<Record<string, unknown>>;

function versionsOf<V>({ versions }: Fields, valueOf: (fields: Fields) => V | undefined): Version<V>[] {
  if (!Array.isArray(versions)) throw new TypeError('versions is not a list');
  return (versions as unknown[]).flatMap((version): Version<V>[] => {
    const fields = asFields(version);
    const value = valueOf(fields);
    if (value === undefined) throw new TypeError('a version lacks a field');
    const { sinceMicros, repeatedMicros = [] } = fields;
    if (!Array.isArray(repeatedMicros)) throw new TypeError('repeatedMicros is not a list');
    return [sinceMicros, ...(repeatedMicros as unknown[])].map((time) => ({ sinceMicros: numberOf(time), value }));
  });
}

function restore<V>(history: VersionHistory<V>, entries: readonly Version<V>[], fields: Fields): void {
  const { truncated, missingBeforeMicros = entries[0]?.sinceMicros, repeatedUntilMicros } = fields;
  history.restore({
    entries,
    missingBeforeMicros: truncated === true ? numberOf(missingBeforeMicros) : undefined,
    repeatedUntilMicros: repeatedUntilMicros === undefined ? undefined : numberOf(repeatedUntilMicros),
  });
}

function decodePosition(value: string): CatalogPosition {
  const { rawOffset, cut, missingBeforeMicros } = fieldsOf(value);
  return {
    rawOffset: numberOf(rawOffset),
    isCut: cut === true,
    ...(missingBeforeMicros === undefined ? {} : { missingBeforeMicros: numberOf(missingBeforeMicros) }),
  };
}

function fieldsOf(value: string): Fields {
  const fields = asFields(JSON.parse(value));
  if (fields.v !== CATALOG_VERSION) throw new TypeError(`its version is ${String(fields.v)}, not 1`);
  return fields;
}

function asFields(source: unknown): Fields {
  if (typeof source !== 'object' || source === null) throw new TypeError('it is not an object');
  return source as Fields;
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('a time or an offset is not a number');
  return value;
}

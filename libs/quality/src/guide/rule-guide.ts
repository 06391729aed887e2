import { EVENT_CONTRACTS, type EventType, exampleOf } from '@orderstream/contracts';
import type { StateLimits } from '../state/partition-state';

export type ExampleBody = Readonly<Record<string, string | number | boolean | null>>;

/** One record of an example: a valid record, but for what it changes. */
export interface ExampleRecord {
  readonly type: EventType;
  /** Fields that differ from the example of the contract. The document shows them, and no others. */
  readonly fields: ExampleBody;
  /** RFC 3339. */
  readonly appendedAt?: string;
  readonly key?: string;
  /** Headers that differ from those that the body demands. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of headers together, as the rules count them: a header `baggage` fills them. */
  readonly headerBytes?: number;
  /** The value as the producer writes it, in place of the plain JSON of the body. */
  readonly write?: (json: string) => string;
}

/** Records of one partition, evaluated one after the other. The last one is the example; the others are accepted. */
export interface RuleExample {
  /** What the producer did. Begins the sentence that introduces the example. */
  readonly what: string;
  readonly records: readonly [...ExampleRecord[], ExampleRecord];
  /** Events of the catalog, beside the vendor and the product of the examples. */
  readonly catalog?: readonly ExampleRecord[];
  /** Entities of the catalog were left out: it exceeds `CATALOG_MAX_ENTITIES`. */
  readonly catalogTruncated?: boolean;
  /** Bounds of the state that differ from the defaults. */
  readonly limits?: Partial<StateLimits>;
}

/** What an operator reads of one rule. It stands beside the code of the rule, and its examples are evaluated by it. */
export interface RuleGuide {
  /** Undefined for a rule that no record causes by itself. */
  readonly examples:
    | {
        /** The rule fires on the last record. */
        readonly fires: RuleExample;
        /** The record on the other side of the boundary: accepted or repaired, and the rule does not fire. */
        readonly nearMiss: RuleExample;
        /** Outside what the rule remembers: it flags the record, or does not fire. */
        readonly uncertain?: RuleExample & { readonly verdict: 'flagged' | 'accepted' };
      }
    | undefined;
  /** What to do when the rule fires. */
  readonly whatToDo: string;
  /** Whether the record passes when it is sent again. */
  readonly replay: string;
  /** Within which limits a verdict is certain, and what happens outside. */
  readonly certain: string;
}

/** The append time of an example's records, unless it names another. */
export const APPENDED_AT = '2026-01-02T12:00:00.000Z';
const OCCURRED_AT = '2026-01-02T11:59:59.000Z';

/** Customers whose records are in the same partition. */
export const CUSTOMERS = {
  first: '7ec17d2e9ee4f734690133c8fec7337293b0e6806c671e6c7b52115040a64429',
  second: '9eb7cd5f7712fb7d1d5e6067a689f92beec5b9272035dd0e54b86d156eac0c10',
  third: 'ea8e4c4fb6ebd158576fb5a4153478d7565cef9d560454c6a0974542c4ef24e2',
} as const;
export const OTHER_ORDER = 'ace060e67b31ec53be9dbbd016a9e5b686031b21a50b01c7b79ed10a6b56d6b2';
export const THIRD_ORDER = '9d2f1a40c7be6d3589ab04e1f6c2d7385a0b9c8e7f6d5c4b3a291807f6e5d4c3';
export const OTHER_VENDOR = '1705535ab4b6b21845e195b791e9fad65863244e2e76966a0b060fa4e3f311d8';
export const OTHER_ITEM = '5b0c7c1e-93d4-4f5a-8a11-3e2d1c0b9a88';

/** A record of this type. */
export const example = (
  type: EventType,
  fields: ExampleBody = {},
  changes: Omit<ExampleRecord, 'type' | 'fields'> = {},
): ExampleRecord => ({ type, fields, ...changes });

/** The whole body of a record: all examples are of one order. */
export function bodyOf({ type, fields }: ExampleRecord, eventId: string): ExampleBody {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) throw new TypeError(`${type} has no contract`);
  const placedAt: ExampleBody = type.startsWith('order.') ? { order_placed_at: OCCURRED_AT } : {};
  return { ...exampleOf(contract), event_id: eventId, occurred_at: OCCURRED_AT, ...placedAt, ...fields };
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The words for bounds such as "24 hours and 40,000 in each partition". */
export function boundsOf({ windowMs, maxEntries }: { readonly windowMs: number; readonly maxEntries: number }): string {
  const time = windowMs > 2 * DAY_MS ? `${windowMs / DAY_MS} days` : `${windowMs / HOUR_MS} hours`;
  return `${time} of append time and ${maxEntries.toLocaleString('en-US')} in each partition, whichever is less`;
}

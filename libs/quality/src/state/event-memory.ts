import { StateUnreadableError } from '../errors';
import { evictions, type WindowLimits } from './bounded';
import { digestOf, IdentityWindow } from './identity-window';
import { decodeStateRecord, STATE_VERSION, type StateRecord } from './state-record';

/** Default bounds of the memory of events. */
export const EVENT_LIMITS: WindowLimits = { windowMs: 24 * 3_600_000, maxEntries: 40_000 };

export const EVENTS_PREFIX = 'events/';

/** Bounds of one record: far below the record limit of the state topic. */
const MAX_RECORD_IDENTITIES = 2_000;
const MAX_RECORD_CHARACTERS = 524_288;

/**
 * Remembers which events a partition has accepted, as committed.
 *
 * - What: the identity (source, id) and the append time of each accepted event.
 * - How much: `limits`, by default `EVENT_LIMITS`. The oldest leave first.
 * - How it is written: identities are numbered in the order of acceptance. A record holds consecutive identities of one
 *   batch; its key is `events/<number of the first>`. The summary holds the next number and how many identities are
 *   remembered, which are always the last ones. The batch that evicts the last identity of a record deletes the record.
 */
export class EventMemory {
  readonly identities: IdentityWindow;
  /** Number of each record's first identity, oldest first: 8 bytes per record. */
  readonly firsts: number[] = [];
  /** Number of the next identity. */
  next = 0;
  /** Values by number of the first identity, during a restore. Decoded when the summary says which of them count. */
  private readonly restored = new Map<number, string>();

  constructor(limits: WindowLimits) {
    this.identities = new IdentityWindow(limits);
  }

  /** @throws StateUnreadableError if the key has no number. */
  restoreRecord(key: string, value: Buffer | null): void {
    const first = Number(key.slice(EVENTS_PREFIX.length));
    if (value === null) this.restored.delete(first);
    else if (Number.isSafeInteger(first) && first >= 0) this.restored.set(first, value.toString());
    else throw new StateUnreadableError(key, new TypeError('its key has no number'));
  }

  /**
   * Ends a restore, with the totals of the summary.
   * @throws StateUnreadableError if a record is damaged or missing.
   */
  finishRestore(next: number, remembered: number): void {
    const firsts = [...this.restored.keys()].sort((a, b) => a - b);
    const oldest = next - remembered;
    if (remembered > 0 && (firsts[0] ?? next) > oldest) {
      throw new StateUnreadableError(EVENTS_PREFIX + oldest.toString(), new TypeError('it is missing'));
    }
    firsts.forEach((first, index) => {
      const end = firsts[index + 1] ?? next;
      if (end > oldest || first >= next) this.restoreIdentities(first, end, Math.max(oldest - first, 0));
    });
    this.firsts.push(...firsts);
    this.next = next;
    this.restored.clear();
    this.identities.trim();
  }

  private restoreIdentities(first: number, end: number, skipped: number): void {
    const key = EVENTS_PREFIX + first.toString();
    const { firstMs, runs, identities } = decodeEvents(key, this.restored.get(first) ?? '');
    if (identities.length !== end - first) {
      const problem = `it has ${identities.length.toString()} identities instead of ${(end - first).toString()}`;
      throw new StateUnreadableError(key, new TypeError(problem));
    }
    let at = 0;
    for (let run = 0; run < runs.length; run += 2) {
      const appendedAtMs = firstMs + (runs[run] ?? 0);
      for (const until = at + (runs[run + 1] ?? 0); at < until; at++) {
        const identity = identities[at];
        if (at >= skipped && identity !== undefined) this.identities.append(digestOf(identity), appendedAtMs);
      }
    }
  }
}

interface AddedIdentity {
  readonly identity: string;
  /** In milliseconds since the epoch. */
  readonly appendedAtMs: number;
}

/** What a batch changes in the state topic. */
interface RecordChanges {
  readonly written: readonly StateRecord[];
  /** Number of the first identity of each written record. */
  readonly firsts: readonly number[];
  readonly next: number;
  /** How many of the oldest records are deleted. */
  readonly deleted: number;
}

/**
 * The changes of an open batch on top of an `EventMemory`, which stays unchanged until `fold`. Entries expire and leave
 * record by record, so what a record sees does not depend on how the log is cut into batches.
 */
export class EventMemoryOverlay {
  private readonly window: IdentityWindow;
  /** By digest, oldest first. */
  private readonly own = new Map<string, AddedIdentity>();
  /** How many of the window's oldest have left. */
  private removed = 0;
  private leftAtMs: number | undefined;
  /** `has` and then `add` are called with the same identity. */
  private last: { readonly identity: string; readonly digest: string } | undefined;
  private recordChanges: RecordChanges | undefined;

  constructor(private readonly base: EventMemory) {
    this.window = base.identities;
  }

  get size(): number {
    return this.window.size - this.removed + this.own.size;
  }

  has(identity: string): boolean {
    const digest = this.digestOf(identity);
    return this.own.has(digest) || (this.window.rankOf(digest) ?? -1) >= this.removed;
  }

  /** Adds the identity as the newest. An identity that is there already stays as it is. */
  add(identity: string, appendedAtMs: number): void {
    if (!this.has(identity)) this.own.set(this.digestOf(identity), { identity, appendedAtMs });
  }

  /** Removes the identities whose window has ended at the append time `nowMs`. */
  expire(nowMs: number): void {
    const { windowMs } = this.window.limits;
    for (let oldest = this.oldestMs(); oldest !== undefined && oldest < nowMs - windowMs; oldest = this.oldestMs())
      this.crowdOut();
  }

  makeRoom(): void {
    for (let left = evictions(this.size, this.window.limits); left > 0; left--) this.crowdOut();
  }

  /** Evicts the oldest identity. Before its window has ended, the effective window becomes shorter. */
  crowdOut(): void {
    const oldest = this.oldestMs();
    if (oldest === undefined) return;
    this.raiseLeftAt(oldest);
    this.removeOldest();
  }

  /** The memory is not complete before this append time. */
  raiseLeftAt(appendMs: number): void {
    this.leftAtMs = Math.max(this.leftAt() ?? -Infinity, appendMs);
  }

  /** As `Bounded.leftAtMs`, with this overlay's changes. */
  leftAt(): number | undefined {
    return this.leftAtMs ?? this.window.leftAtMs;
  }

  /**
   * The state records of this batch: tombstones, then the added identities. Nothing may be added or removed after it.
   */
  records(): readonly StateRecord[] {
    const { written, deleted } = this.changeRecords();
    const tombstones = this.base.firsts.slice(0, deleted).map((first) => ({ key: keyOf(first), value: null }));
    return [...tombstones, ...written];
  }

  summary() {
    return {
      eventsLeftAtMs: this.leftAt(),
      nextEvent: this.changeRecords().next,
      rememberedEvents: this.size,
    };
  }

  /** Applies the changes to the base. The overlay must not be used afterwards. */
  fold(): void {
    const { firsts, next, deleted } = this.changeRecords();
    this.base.firsts.splice(0, deleted);
    this.base.firsts.push(...firsts);
    this.base.next = next;
    this.window.removeOldest(this.removed);
    for (const [digest, { appendedAtMs }] of this.own) this.window.append(digest, appendedAtMs);
    this.window.leftAtMs = this.leftAt();
  }

  private changeRecords(): RecordChanges {
    this.recordChanges ??= changeRecords(this.base, this.own.values(), this.size);
    return this.recordChanges;
  }

  private oldestMs(): number | undefined {
    if (this.removed < this.window.size) return this.window.timeAt(this.removed);
    const [oldest] = this.own.values();
    return oldest?.appendedAtMs;
  }

  private removeOldest(): void {
    if (this.removed < this.window.size) this.removed++;
    else {
      const [oldest] = this.own.keys();
      if (oldest !== undefined) this.own.delete(oldest);
    }
  }

  private digestOf(identity: string): string {
    if (this.last?.identity !== identity) this.last = { identity, digest: digestOf(identity) };
    return this.last.digest;
  }
}

const keyOf = (first: number): string => EVENTS_PREFIX + first.toString();

/** The records of the added identities, and how many old records hold none of the last `remembered`. */
function changeRecords(base: EventMemory, added: Iterable<AddedIdentity>, remembered: number): RecordChanges {
  const written: StateRecord[] = [];
  const firsts: number[] = [];
  let { next } = base;
  let record = new EventsRecord();
  const close = (): void => {
    if (record.count === 0) return;
    firsts.push(next);
    written.push({ key: keyOf(next), value: record.encode() });
    next += record.count;
    record = new EventsRecord();
  };
  for (const { identity, appendedAtMs } of added) {
    record.add(identity, appendedAtMs);
    if (record.isFull) close();
  }
  close();
  let deleted = 0;
  while (deleted < base.firsts.length && (base.firsts[deleted + 1] ?? base.next) <= next - remembered) deleted++;
  return { written, firsts, next, deleted };
}

/** Builds one record. Hot: `add` runs once per accepted event. */
class EventsRecord {
  private readonly identities: string[] = [];
  /** For each run of equal append times: milliseconds after `firstMs`, number of identities. */
  private readonly runs: number[] = [];
  private firstMs = 0;
  private lastMs = 0;
  private characters = 0;

  get count(): number {
    return this.identities.length;
  }

  get isFull(): boolean {
    return this.count >= MAX_RECORD_IDENTITIES || this.characters >= MAX_RECORD_CHARACTERS;
  }

  add(identity: string, appendedAtMs: number): void {
    const { identities, runs } = this;
    if (identities.length === 0) this.firstMs = appendedAtMs;
    if (identities.length > 0 && appendedAtMs === this.lastMs) runs[runs.length - 1] = (runs[runs.length - 1] ?? 0) + 1;
    else runs.push(appendedAtMs - this.firstMs, 1);
    this.lastMs = appendedAtMs;
    identities.push(identity);
    this.characters += identity.length;
  }

  encode(): string {
    const { firstMs, runs, identities } = this;
    return JSON.stringify({ v: STATE_VERSION, firstMs, runs, identities });
  }
}

const decodeEvents = (key: string, value: string) =>
  decodeStateRecord(key, value, (fields) => {
    const runs = fields.numbers('runs');
    const identities = fields.texts('identities');
    let count = 0;
    for (let run = 0; run < runs.length; run += 2) count += runs[run + 1] ?? NaN;
    if (count !== identities.length) throw new TypeError('its runs do not add up to its identities');
    return { firstMs: fields.number('firstMs'), runs, identities };
  });

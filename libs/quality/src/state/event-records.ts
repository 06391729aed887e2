import { StateUnreadableError } from '../errors';
import { type AddedIdentity, digestOf, type IdentityWindow } from './identity-window';
import { decodeStateRecord, encodeEvents, EVENTS_PREFIX, type StateRecord } from './state-codec';

/** Identities of one record at most, and characters of them: far below what the topic takes. */
const MAX_RECORD_IDENTITIES = 2_000;
const MAX_RECORD_CHARACTERS = 524_288;

/**
 * Where the remembered event identities stand in the state topic.
 *
 * Identities are numbered in the order in which they were accepted. A record holds consecutive ones, of one batch, and its
 * key names the first. Identities come as the newest and leave as the oldest; so those remembered are the last ones, as
 * many as the summary says, and a record is deleted with the batch that makes the last of its identities leave.
 */
export class EventRecords {
  /** Number of each record's first identity, oldest first. All that is kept of a record: 8 bytes. */
  readonly firsts: number[] = [];
  /** Number that the next identity will have. */
  next = 0;

  /** How many of the oldest records hold nothing below `next` that is still among the last `remembered`. */
  stale(next: number, remembered: number): number {
    const { firsts } = this;
    const oldest = next - remembered;
    let stale = 0;
    while (stale < firsts.length && (firsts[stale + 1] ?? this.next) <= oldest) stale++;
    return stale;
  }
}

/** What a batch does to the records of events. */
export interface EventRecordChanges {
  readonly written: readonly StateRecord[];
  readonly firsts: readonly number[];
  readonly next: number;
  /** So many of the oldest records are deleted. */
  readonly stale: number;
}

/**
 * Writes down what a batch adds to the remembered events.
 *
 * @param added what is new, in order
 * @param remembered how many there are after the batch
 */
export function eventRecordChanges(
  records: EventRecords,
  added: Iterable<AddedIdentity>,
  remembered: number,
): EventRecordChanges {
  const written: StateRecord[] = [];
  const firsts: number[] = [];
  let { next } = records;
  let part = new EventsPart();
  const close = (): void => {
    if (part.count === 0) return;
    firsts.push(next);
    written.push({ key: EVENTS_PREFIX + next.toString(), value: part.encoded() });
    next += part.count;
    part = new EventsPart();
  };
  for (const { identity, appendedAtMs } of added) {
    part.add(identity, appendedAtMs);
    if (part.isFull) close();
  }
  close();
  return { written, firsts, next, stale: records.stale(next, remembered) };
}

/** Hot: one call per accepted event. Neighbours mostly have their time in common. */
class EventsPart {
  private readonly identities: string[] = [];
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

  encoded(): string {
    const { firstMs, runs, identities } = this;
    return encodeEvents({ firstMs, runs, identities });
  }
}

/** Collects the records of events that a restore meets; what they hold is read once it is clear which of them count. */
export class EventRestore {
  private readonly values = new Map<number, string>();

  take(key: string, value: Buffer | null): void {
    const first = Number(key.slice(EVENTS_PREFIX.length));
    if (value === null) this.values.delete(first);
    else if (Number.isSafeInteger(first) && first >= 0) this.values.set(first, value.toString());
    else throw new StateUnreadableError(key, new TypeError('it does not name a number'));
  }

  /**
   * Fills both with what the last commit left.
   * @throws StateUnreadableError when a record is damaged or missing
   */
  finish(records: EventRecords, events: IdentityWindow, next: number, remembered: number): void {
    const firsts = [...this.values.keys()].sort((a, b) => a - b);
    const oldest = next - remembered;
    if (remembered > 0 && (firsts[0] ?? next) > oldest) {
      throw new StateUnreadableError(EVENTS_PREFIX + oldest.toString(), new TypeError('it is missing'));
    }
    firsts.forEach((first, index) => {
      const end = firsts[index + 1] ?? next;
      if (end > oldest || first >= next) this.restore(first, end, Math.max(oldest - first, 0), events);
    });
    records.firsts.push(...firsts);
    records.next = next;
    this.values.clear();
    events.trim();
  }

  private restore(first: number, end: number, skipped: number, events: IdentityWindow): void {
    const key = EVENTS_PREFIX + first.toString();
    const { firstMs, runs, identities } = decodeStateRecord('events', key, this.values.get(first) ?? '');
    if (identities.length !== end - first) {
      const problem = `it has ${String(identities.length)} identities, not ${String(end - first)}`;
      throw new StateUnreadableError(key, new TypeError(problem));
    }
    let at = 0;
    for (let run = 0; run < runs.length; run += 2) {
      const appendedAtMs = firstMs + (runs[run] ?? 0);
      for (const until = at + (runs[run + 1] ?? 0); at < until; at++) {
        const identity = identities[at];
        if (at >= skipped && identity !== undefined) events.append(digestOf(identity), appendedAtMs);
      }
    }
  }
}

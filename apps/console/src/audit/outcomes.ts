import { BEGUN } from '@orderstream/service';
import { ERASURE } from '../erasures/erasure-log';

/** By what an entry of the audit is assigned to its command. */
interface CommandEntry {
  readonly actor: string;
  readonly action: string;
  readonly subject?: string;
  readonly requestId?: string;
  readonly service?: string;
  readonly status: number;
}

/** Outcomes of one request id that are remembered: a caller can use one for many commands. */
const MAX_OUTCOMES = 100;

/** The outcomes of commands, as the audit is read backwards: each belongs to the next entry `BEGUN` of the same command. */
export class Outcomes {
  private readonly offsets = new Map<string, number[]>();
  /** Of erasures, by subject: the entry that was taken last. */
  private readonly erasures = new Map<string, number>();

  /** @param reach records behind an entry among which its outcome is looked for */
  constructor(private readonly reach: number) {}

  /** Takes an entry. @returns whether it began a command whose outcome was taken before */
  take(entry: CommandEntry, offset: number): boolean {
    const { actor, action, subject, requestId, service, status } = entry;
    if (action === ERASURE && subject !== undefined) {
      // Each round of an erasure has an entry: the latest one has the whole receipt.
      const later = this.erasures.get(subject) ?? Infinity;
      this.erasures.set(subject, offset);
      return status === BEGUN && offset + this.reach >= later;
    }
    if (requestId === undefined) return false;
    const command = JSON.stringify([requestId, service, actor, action]);
    const outcomes = this.offsets.get(command) ?? [];
    if (status !== BEGUN) this.offsets.set(command, [...outcomes.slice(-MAX_OUTCOMES), offset]);
    else return offset + this.reach >= (outcomes.pop() ?? Infinity);
    return false;
  }
}

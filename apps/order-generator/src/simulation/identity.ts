import { hash } from 'node:crypto';

const VARIANT = ['8', '9', 'a', 'b'] as const;

/** A UUID of version 8 (RFC 9562: custom content) from 32 hex digits of a hash, starting at `from`. */
function uuidOf(hex: string, from = 0): string {
  const at = (start: number, end: number): string => hex.slice(from + start, from + end);
  const variant = VARIANT[parseInt(at(16, 17), 16) & 3] ?? '8';
  return `${at(0, 8)}-${at(8, 12)}-8${at(13, 16)}-${variant}${at(17, 20)}-${at(20, 32)}`;
}

/** Ids of one event: unique in its source, equal when the event is generated again. */
export interface EventIdentity {
  readonly eventId: string;
  readonly traceparent: string;
}

/**
 * Ids as hashes of (namespace, kind, index). The namespace consists of marketplace id and seed, so no two marketplaces share
 * an id.
 */
export class Identities {
  constructor(private readonly namespace: string) {}

  /** 64 hex digits: customers, vendors and orders. */
  sha256(kind: string, index: number): string {
    return hash('sha256', `${this.namespace}/${kind}/${index.toString()}`);
  }

  uuid(kind: string, index: number): string {
    return uuidOf(this.sha256(kind, index));
  }

  /** The trace is not sampled: nothing records its first span unless the sender does. */
  event(seq: number): EventIdentity {
    const hex = this.sha256('event', seq);
    return { eventId: uuidOf(hex), traceparent: `00-${hex.slice(32)}-${hex.slice(8, 24)}-00` };
  }

  /** A number from 0 to `bound - 1` that depends only on the arguments; attributes are chosen by it. */
  draw(kind: string, index: number, bound: number): number {
    return parseInt(this.sha256(kind, index).slice(0, 12), 16) % bound;
  }
}

import { type ExpectedOutcome } from '@orderstream/contracts';
import { type Marketplace } from '../simulation/marketplace';
import { type Draft, encode, type SimulatedRecord } from '../simulation/record';

/** The marketplace before an event, with the event's sequence number and time. */
export interface Moment {
  readonly market: Marketplace;
  readonly seq: number;
  readonly nowMs: number;
}

/** One kind of planted defect. Some are accepted or repaired. */
export interface Defect {
  readonly name: string;
  /** The verdict that the rules must give with their default actions. */
  readonly expected: ExpectedOutcome;
  /** Frequency relative to the other defects. */
  readonly weight: number;
  /**
   * Generates the record; undefined if the marketplace lacks what it needs. A record that will be rejected or skipped must
   * not change the marketplace; one that will be accepted or repaired must change it as its event says.
   */
  make(this: void, moment: Moment): SimulatedRecord | undefined;
}

/** The changed fields of the record. */
export type Damage = Partial<Pick<SimulatedRecord, 'key' | 'partition' | 'value' | 'headers'>>;

interface Spec {
  readonly name: string;
  readonly expected: ExpectedOutcome;
  readonly weight?: number;
}

/** A defect that changes a valid record. `source` gives the event, `damage` the changed fields. */
export function damaged(
  spec: Spec,
  source: (moment: Moment) => Draft | undefined,
  damage: (event: Draft, moment: Moment) => Damage,
): Defect {
  return {
    name: spec.name,
    expected: spec.expected,
    weight: spec.weight ?? 1,
    make: (moment) => {
      const event = source(moment);
      if (event === undefined) return undefined;
      const record = encode(event, { defect: spec.name, expected: spec.expected });
      return { ...record, ...damage(event, moment) };
    },
  };
}

/** A defect in the body alone. */
export function altered(
  spec: Spec,
  source: (moment: Moment) => Draft | undefined,
  change: (body: Draft['body'], moment: Moment) => Draft['body'],
): Defect {
  return damaged(spec, source, (event, moment) => ({
    value: Buffer.from(JSON.stringify(change(event.body, moment))),
  }));
}

/** A valid event of any family that does not change the marketplace. */
export function anyEvent({ market, seq, nowMs }: Moment): Draft | undefined {
  const { rng, catalog, customers } = market;
  const roll = rng.fraction();
  if (roll < 0.6) return market.pretendOrder(seq, nowMs);
  if (roll < 0.75) return market.pretendVisit('session.started', seq, nowMs);
  if (roll < 0.9) {
    const change = catalog.pretendPrice(rng);
    return change && market.draft(seq, nowMs, change);
  }
  const customer = customers.peek(seq, rng);
  return (
    customer &&
    market.draft(seq, nowMs, { type: 'customer.updated', key: customer.id, fields: customers.profile(customer) })
  );
}

/** An order that does not change the marketplace. */
export const order = ({ market, seq, nowMs }: Moment): Draft | undefined => market.pretendOrder(seq, nowMs);

export function without(body: Draft['body'], field: string): Draft['body'] {
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== field));
}

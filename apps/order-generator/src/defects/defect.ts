import { type ExpectedOutcome } from '@orderstream/contracts';
import { type Marketplace } from '../simulation/marketplace';
import { type Draft, encode, type SimulatedRecord } from '../simulation/record';

/** What a defect is made in: the marketplace as it stands before the event, and the event's place in the story. */
export interface Moment {
  readonly market: Marketplace;
  readonly seq: number;
  readonly nowMs: number;
}

/** One way for a record to be bad (or strange, and to be let through all the same). */
export interface Defect {
  readonly name: string;
  /** The verdict that the rules must come to, by default actions. */
  readonly expected: ExpectedOutcome;
  /** How often, relative to the others. */
  readonly weight: number;
  /**
   * Makes the record, or undefined when the story so far offers no occasion. A record that will be rejected or skipped
   * must leave the marketplace as it was; one that will be let through must be part of its story.
   */
  make(this: void, moment: Moment): SimulatedRecord | undefined;
}

/** What is put in an event's place, beside its defect's name and outcome. */
export type Damage = Partial<Pick<SimulatedRecord, 'key' | 'partition' | 'value' | 'headers'>>;

interface Spec {
  readonly name: string;
  readonly expected: ExpectedOutcome;
  readonly weight?: number;
}

/** A defect that is done to a good event. `source` gives the event; `damage` says what is different in the record. */
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

/** A defect in the body alone: the event is encoded with what `change` makes of its fields. */
export function altered(
  spec: Spec,
  source: (moment: Moment) => Draft | undefined,
  change: (body: Draft['body'], moment: Moment) => Draft['body'],
): Defect {
  return damaged(spec, source, (event, moment) => ({
    value: Buffer.from(JSON.stringify(change(event.body, moment))),
  }));
}

/** A good event of any family that never happens. */
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

/** An order that is never placed. */
export const order = ({ market, seq, nowMs }: Moment): Draft | undefined => market.pretendOrder(seq, nowMs);

export function without(body: Draft['body'], field: string): Draft['body'] {
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== field));
}

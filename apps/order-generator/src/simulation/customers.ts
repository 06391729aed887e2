import { type Rng } from '@orderstream/random';
import { type Identities } from './identity';
import { entry, type Pools } from './pools';
import { SAME_INSTANT_TICKS } from './schedule';

export interface Customer {
  readonly index: number;
  readonly id: string;
  readonly registeredAtMs: number;
  readonly registeredAt: string;
  /** Number of profile changes. */
  version: number;
  /** Sequence number of the last event of the customer. */
  lastSeq: number;
  /** An order of the customer was accepted. Its registration time is the reference for later orders. */
  ordered: boolean;
}

/** index, registeredAtMs, version, lastSeq, ordered (0 or 1) */
export type CustomerState = readonly [number, number, number, number, number];

export interface CustomersState {
  readonly next: number;
  readonly idle: readonly CustomerState[];
}

const TRIES = 8;
const CONSENT = 0.6;

/** The idle customers, those without a journey. The others are held by their journeys. */
export class Customers {
  private idle: Customer[] = [];
  private nextIndex = 0;

  constructor(
    private readonly identities: Identities,
    private readonly pools: Pools,
  ) {}

  get idleCount(): number {
    return this.idle.length;
  }

  register(seq: number, nowMs: number): Customer {
    const customer = this.make([this.nextIndex++, nowMs, 0, seq, 0]);
    this.idle.push(customer);
    return customer;
  }

  /** Removes an idle customer without an event in this instant. */
  take(seq: number, rng: Rng, fits: (customer: Customer) => boolean = () => true): Customer | undefined {
    const at = this.find(seq, rng, fits);
    return at === undefined ? undefined : this.removeAt(at);
  }

  /** Like `take`, but the customer stays idle. */
  peek(seq: number, rng: Rng, fits: (customer: Customer) => boolean = () => true): Customer | undefined {
    const at = this.find(seq, rng, fits);
    return at === undefined ? undefined : this.idle[at];
  }

  giveBack(customer: Customer): void {
    this.idle.push(customer);
  }

  /** Removes an idle customer for good, without an event. */
  removeOne(rng: Rng): void {
    if (this.idle.length > 0) this.removeAt(rng.index(this.idle.length));
  }

  profile(customer: Customer): Readonly<Record<string, unknown>> {
    const { people, countries } = this.pools;
    const person = entry(people, this.identities.draw('customer-person', customer.index, people.length));
    const country = this.identities.draw('customer-country', customer.index, countries.length);
    const consent = this.identities.draw('customer-consent', customer.index * 1_000 + customer.version, 100);
    return {
      customer_id: customer.id,
      customer_registered_at: customer.registeredAt,
      customer_name: person.name,
      customer_email: person.email,
      customer_country: entry(countries, country + customer.version),
      marketing_consent: consent < CONSENT * 100,
    };
  }

  /** Removes the customers with an event from `unknownFrom` on. */
  retire(unknownFrom: number): void {
    this.idle = this.idle.filter(({ lastSeq }) => lastSeq < unknownFrom);
  }

  make([index, registeredAtMs, version, lastSeq, ordered]: CustomerState): Customer {
    return {
      index,
      id: this.identities.sha256('customer', index),
      registeredAtMs,
      registeredAt: new Date(registeredAtMs).toISOString(),
      version,
      lastSeq,
      ordered: ordered === 1,
    };
  }

  get state(): CustomersState {
    return { next: this.nextIndex, idle: this.idle.map(customerState) };
  }

  restore(state: CustomersState): void {
    this.nextIndex = state.next;
    this.idle = state.idle.map((customer) => this.make(customer));
  }

  private find(seq: number, rng: Rng, fits: (customer: Customer) => boolean): number | undefined {
    if (this.idle.length === 0) return undefined;
    for (let tried = 0; tried < TRIES; tried++) {
      const at = rng.index(this.idle.length);
      const customer = this.idle[at];
      if (customer !== undefined && seq - customer.lastSeq >= SAME_INSTANT_TICKS && fits(customer)) return at;
    }
    return undefined;
  }

  private removeAt(at: number): Customer | undefined {
    const customer = this.idle[at];
    const last = this.idle.pop();
    if (last !== undefined && last !== customer) this.idle[at] = last;
    return customer;
  }
}

export const customerState = (customer: Customer): CustomerState => [
  customer.index,
  customer.registeredAtMs,
  customer.version,
  customer.lastSeq,
  customer.ordered ? 1 : 0,
];

import { SAME_INSTANT_TICKS } from './epochs';
import { type Identities } from './identity';
import { entry, type Pools } from './pools';
import { type Rng } from '@orderstream/random';

export interface Customer {
  readonly index: number;
  readonly id: string;
  readonly registeredAtMs: number;
  readonly registeredAt: string;
  /** How often the profile changed. */
  version: number;
  /** Sequence number of the last event of the customer. */
  lastSeq: number;
  /** An order of the customer was accepted: the registration time that it told counts from then on. */
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

/** Customers. Those on a journey are with the journey; the idle ones are here. */
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

  /** A customer with nothing else to do and no event in this instant; it is no longer idle. */
  take(seq: number, rng: Rng, fit: (customer: Customer) => boolean = () => true): Customer | undefined {
    const at = this.find(seq, rng, fit);
    return at === undefined ? undefined : this.removeAt(at);
  }

  /** The same, but the customer stays idle. */
  peek(seq: number, rng: Rng, fit: (customer: Customer) => boolean = () => true): Customer | undefined {
    const at = this.find(seq, rng, fit);
    return at === undefined ? undefined : this.idle[at];
  }

  giveBack(customer: Customer): void {
    this.idle.push(customer);
  }

  /** Somebody leaves for good, without a word. */
  forgetOne(rng: Rng): void {
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

  retire(doubtFrom: number): void {
    this.idle = this.idle.filter(({ lastSeq }) => lastSeq < doubtFrom);
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

  private find(seq: number, rng: Rng, fit: (customer: Customer) => boolean): number | undefined {
    if (this.idle.length === 0) return undefined;
    for (let tried = 0; tried < TRIES; tried++) {
      const at = rng.index(this.idle.length);
      const customer = this.idle[at];
      if (customer !== undefined && seq - customer.lastSeq >= SAME_INSTANT_TICKS && fit(customer)) return at;
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

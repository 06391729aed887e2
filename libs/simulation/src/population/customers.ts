import { type Vertical, VERTICALS } from '@orderstream/contracts';
import { AliasTable } from '../random/alias-table';
import { Draws, type SeedKey } from '../random/draws';
import { hex64 } from '../random/hex';
import { type Scenario } from '../scenario/schema';
import { MICROS_PER_MS, MS_PER_DAY, timestamp } from '../time/timestamps';
import { COUNTRIES, COUNTRY_WORDS, type CountryWords, emailOf, personName } from '../words/countries';
import { BoundedCache } from './bounded-cache';
import { ChangeSlots, UNCHANGED } from './change-slots';
import { type Growth } from './growth';

/** What never changes of a customer. */
export interface Customer {
  readonly number: number;
  readonly id: string;
  readonly registeredMicros: number;
  readonly registeredAt: string;
  readonly words: CountryWords;
  /** The vertical of most sessions, as its index. */
  readonly favourite: number;
}

export interface CustomerProfile {
  readonly name: string;
  readonly email: string;
  readonly hasConsent: boolean;
}

const CACHE_SIZE = 16_384;
const MICROS_PER_DAY = MS_PER_DAY * MICROS_PER_MS;
/** A new customer is up to 2.5 times as active as later. The curve falls to 1/e in this time. */
const NOVELTY_DAYS = 45;
const SETTLED = 0.4;
const CONSENT = 0.55;

const DRAW = { id: 900, country: 0, loyalty: 1, lifetime: 2, favourite: 3, name: 4, consent: 6, suffix: 7 } as const;

/** The customers, each computed from its number. */
export class Customers {
  readonly slots: ChangeSlots;
  private readonly draws: Draws;
  private readonly countries: AliasTable;
  private readonly interest: AliasTable;
  private readonly cache = new BoundedCache(CACHE_SIZE, (number) => this.create(number));

  constructor(
    seed: SeedKey,
    private readonly scenario: Scenario,
    readonly growth: Growth,
    periodMicros: number,
  ) {
    this.slots = new ChangeSlots(seed, 'customer', periodMicros, growth);
    this.draws = new Draws(seed, 'customer');
    this.countries = new AliasTable(COUNTRIES.map((country) => scenario.countries[country]));
    this.interest = new AliasTable(VERTICALS.map((vertical) => scenario.interest[vertical]));
  }

  get(number: number): Customer {
    return this.cache.get(number);
  }

  countryOf(number: number): number {
    return this.countries.pick(this.draws.select(number).fraction(DRAW.country));
  }

  /**
   * How active a customer is at a time, from 0 to 1: by loyalty, which a few have much of; by age, because new customers
   * come more often; and hardly at all after the end of the customer's lifetime.
   *
   * Hot: about ten calls per session.
   */
  activityOf(number: number, micros: number): number {
    const { skew, meanLifetimeDays, dormant } = this.scenario.loyalty;
    const ageDays = (micros - this.growth.timeOf(number)) / MICROS_PER_DAY;
    const draws = this.draws.select(number);
    const loyalty = draws.fraction(DRAW.loyalty) ** skew;
    if (skew === 0) return 1;
    const novelty = SETTLED + (1 - SETTLED) * Math.exp(-ageDays / NOVELTY_DAYS);
    const lifetimeDays = -Math.log(draws.fraction(DRAW.lifetime)) * meanLifetimeDays;
    return loyalty * novelty * (ageDays > lifetimeDays ? dormant : 1);
  }

  /** The customer's data after the change of a period, or as registered. Each change toggles consent or the address. */
  profile({ number, words }: Customer, version: number): CustomerProfile {
    const changes = version === UNCHANGED ? 0 : version + (number % 2);
    const draws = this.draws.select(number);
    const [first, last] = personName(words, draws, DRAW.name);
    const addresses = version === UNCHANGED ? 0 : Math.floor(changes / 2);
    const toggles = version === UNCHANGED ? 0 : Math.ceil(changes / 2);
    const suffix = String(draws.below(DRAW.suffix, 1_000)) + (addresses === 0 ? '' : `.${(addresses % 1_000).toString(36)}`);
    const isConsenting = draws.fraction(DRAW.consent) < CONSENT;
    return {
      name: `${first} ${last}`,
      email: emailOf(words, first, last, suffix),
      hasConsent: toggles % 2 === 0 ? isConsenting : !isConsenting,
    };
  }

  favouriteOf(customer: Customer): Vertical {
    return VERTICALS[customer.favourite] as Vertical;
  }

  private create(number: number): Customer {
    const registeredMicros = this.growth.timeOf(number);
    const draws = this.draws.select(number);
    return {
      number,
      id: hex64(draws, DRAW.id),
      registeredMicros,
      registeredAt: timestamp(registeredMicros),
      words: COUNTRY_WORDS[this.countries.pick(draws.fraction(DRAW.country))] as CountryWords,
      favourite: this.interest.pick(draws.fraction(DRAW.favourite)),
    };
  }
}

import { VERTICALS } from '@orderstream/contracts';
import { AliasTable } from '../random/alias-table';
import { Draws, type SeedKey } from '../random/draws';
import { hex64 } from '../random/hex';
import { type Scenario } from '../scenario/schema';
import { MICROS_PER_MS, MS_PER_DAY } from '../time/timestamps';
import { COUNTRIES, COUNTRY_WORDS, type CountryWords, emailOf, personName } from '../words/countries';
import { BoundedCache } from './bounded-cache';
import { ChangeSlots, UNCHANGED } from './change-slots';
import { type Growth } from './growth';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, exp, log } = Math;

/** What never changes of a customer. */
export interface Customer {
  readonly number: number;
  readonly id: string;
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
/** A new customer is up to twice as active as later. The difference falls to 1/e in this time. */
const NOVELTY_DAYS = 45;
const SETTLED = 0.5;
const CONSENT = 0.55;

const DRAW = {
  id: 900,
  country: 0,
  loyalty: 1,
  lifetime: 2,
  favourite: 3,
  name: 4,
  consent: 6,
  suffix: 7,
  comes: 10_000,
} as const;

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

  registeredMicros({ number }: Customer): number {
    return this.growth.timeOf(number);
  }

  countryOf(number: number): number {
    return this.countries.pick(this.draws.select(number).fraction(DRAW.country));
  }

  /**
   * How active a customer is at a time, from 0 to 1: by loyalty, which a few have much of; by age, because new customers
   * come more often; and hardly at all after the end of the customer's lifetime.
   */
  activityOf(number: number, micros: number): number {
    const { skew } = this.scenario.loyalty;
    if (skew === 0) return 1;
    const draws = this.draws.select(number);
    return draws.fraction(DRAW.loyalty) ** skew * this.presenceOf(number, micros, draws.fraction(DRAW.lifetime));
  }

  /**
   * Whether a customer starts a session in the cell of this number, if the chance is `chance` for the most active one.
   *
   * Hot: about ten calls per session, most of which end at the first condition.
   */
  comes(number: number, cell: number, chance: number, micros: number): boolean {
    const { skew } = this.scenario.loyalty;
    const draws = this.draws.select(number);
    const fraction = draws.fraction(DRAW.comes + floor(cell / 2 ** 32), cell | 0);
    if (fraction >= chance) return false;
    if (skew === 0) return true;
    const loyalty = chance * draws.fraction(DRAW.loyalty) ** skew;
    return fraction < loyalty && fraction < loyalty * this.presenceOf(number, micros, draws.fraction(DRAW.lifetime));
  }

  /** The factor of a customer's age on the activity. */
  private presenceOf(number: number, micros: number, lifetime: number): number {
    const { meanLifetimeDays, dormant } = this.scenario.loyalty;
    const ageDays = (micros - this.growth.timeOf(number)) / MICROS_PER_DAY;
    const isGone = ageDays > -log(lifetime) * meanLifetimeDays;
    return (SETTLED + (1 - SETTLED) * exp(-ageDays / NOVELTY_DAYS)) * (isGone ? dormant : 1);
  }

  /** The customer's data after the change of a period, or as registered. Each change toggles consent or the address. */
  profile({ number, words }: Customer, version: number): CustomerProfile {
    const changes = version === UNCHANGED ? 0 : version + (number % 2);
    const draws = this.draws.select(number);
    const [first, last] = personName(words, draws, DRAW.name);
    const addresses = version === UNCHANGED ? 0 : floor(changes / 2);
    const toggles = version === UNCHANGED ? 0 : Math.ceil(changes / 2);
    const suffix =
      String(draws.below(DRAW.suffix, 1_000)) + (addresses === 0 ? '' : `.${(addresses % 1_000).toString(36)}`);
    const isConsenting = draws.fraction(DRAW.consent) < CONSENT;
    return {
      name: `${first} ${last}`,
      email: emailOf(words, first, last, suffix),
      hasConsent: toggles % 2 === 0 ? isConsenting : !isConsenting,
    };
  }

  private create(number: number): Customer {
    const draws = this.draws.select(number);
    return {
      number,
      id: hex64(draws, DRAW.id),
      words: COUNTRY_WORDS[this.countries.pick(draws.fraction(DRAW.country))] as CountryWords,
      favourite: this.interest.pick(draws.fraction(DRAW.favourite)),
    };
  }
}

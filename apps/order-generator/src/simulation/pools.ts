import { en, Faker } from '@faker-js/faker';
import { VERTICALS, type Vertical } from '@orderstream/contracts';

/** Texts for the attributes of the marketplace. */
export interface Pools {
  readonly companies: readonly string[];
  readonly addresses: readonly string[];
  readonly people: readonly { readonly name: string; readonly email: string }[];
  readonly countries: readonly string[];
  readonly products: Readonly<Record<Vertical, readonly string[]>>;
  readonly searches: readonly string[];
  readonly reviews: readonly string[];
  readonly carriers: readonly string[];
}

const COUNTRIES = ['DE', 'AT', 'CH', 'FR', 'NL', 'PL', 'ES', 'IT', 'SE', 'GB', 'US'] as const;
const CARRIERS = ['DHL', 'DPD', 'UPS', 'FedEx', 'GLS', 'Hermes'] as const;

const SIZE = { companies: 2_000, addresses: 4_000, people: 4_000, products: 400, searches: 500, reviews: 500 } as const;

/**
 * Fills the pools once, before the first event: faker takes tens of microseconds for a sentence. Takes about half a second.
 * The same seed gives the same pools with the same version of faker, which the lock file pins.
 */
export function createPools(seed: number): Pools {
  const faker = new Faker({ locale: [en], seed });
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const goods: Record<Vertical, () => string> = {
    Electronics: () => `${faker.commerce.productAdjective()} ${faker.hacker.adjective()} ${faker.hacker.noun()}`,
    Books: () => faker.book.title(),
    Fashion: () => `${faker.color.human()} ${faker.commerce.productMaterial()} ${faker.commerce.product()}`,
    'House and garden': () => faker.commerce.productName(),
    Sports: () => `${faker.commerce.productAdjective()} ${faker.animal.type()} racket`,
    'Auto-moto': () => `${faker.vehicle.manufacturer()} ${faker.vehicle.type()} part`,
    'Health and beauty': () => `${faker.food.adjective()} ${faker.food.fruit()} cream`,
  };
  const products = Object.fromEntries(
    VERTICALS.map((vertical) => [vertical, many(SIZE.products, goods[vertical])]),
  ) as Record<Vertical, string[]>;
  return {
    companies: many(SIZE.companies, () => faker.company.name()),
    addresses: many(
      SIZE.addresses,
      () => `${faker.location.streetAddress()}, ${faker.location.zipCode()} ${faker.location.city()}`,
    ),
    people: many(SIZE.people, () => {
      const firstName = faker.person.firstName();
      const lastName = faker.person.lastName();
      const email = faker.internet.email({ firstName, lastName, provider: 'example.com' }).toLowerCase();
      return { name: `${firstName} ${lastName}`, email };
    }),
    countries: COUNTRIES,
    products,
    searches: many(SIZE.searches, () => `${faker.color.human()} ${faker.commerce.product().toLowerCase()}`),
    reviews: many(SIZE.reviews, () => faker.lorem.sentence()),
    carriers: CARRIERS,
  };
}

/** The entry with this number, modulo the size of the pool. */
export function entry<T>(pool: readonly T[], draw: number): T {
  const value = pool[draw % pool.length];
  if (value === undefined) throw new RangeError('a pool is empty');
  return value;
}

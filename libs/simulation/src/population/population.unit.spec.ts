import * as fc from 'fast-check';
import { Marketplace, SIMULATION_VERSION } from '../index';
import { Draws } from '../random/draws';
import { MICROS_PER_MS } from '../time/timestamps';
import { COUNTRY_WORDS } from '../words/countries';
import { NOON_MS, scenarioNamed, scenarioOf } from '../../test/scenarios';
import { UNCHANGED } from './change-slots';

const marketplace = new Marketplace('test', scenarioNamed('steady'));
const NOON = NOON_MS * MICROS_PER_MS;
const MONTH = 30 * 86_400_000_000;

describe('populations', () => {
  it('have their sizes at the date of the scenario, and never shrink', () => {
    const atMs = Date.parse('2026-01-01');
    expect(marketplace.vendorsAt(atMs)).toBeGreaterThanOrEqual(39);
    expect(marketplace.vendorsAt(atMs)).toBeLessThanOrEqual(41);
    expect(Math.abs(marketplace.customersAt(atMs) - 500_000)).toBeLessThanOrEqual(1);
    expect(marketplace.customersAt(NOON_MS)).toBeGreaterThan(500_000);
    expect(marketplace.vendorsAt(Date.parse('2020-01-01'))).toBe(0);
  });

  it.each(['vendors', 'products', 'customers'] as const)(
    'of %s: the number at a time is that of the members who joined by then',
    (name) => {
      const { growth } = marketplace[name];
      fc.assert(
        fc.property(fc.integer({ min: -2 * MONTH, max: 72 * MONTH }), (offset) => {
          const micros = Date.parse('2021-01-01') * MICROS_PER_MS + offset;
          const count = growth.countAt(micros);
          if (count > 0) expect(growth.timeOf(count - 1)).toBeLessThanOrEqual(micros);
          expect(growth.timeOf(count)).toBeGreaterThan(micros);
        }),
        { numRuns: 300, seed: 1 },
      );
    },
  );

  it.each(['vendors', 'products', 'customers'] as const)(
    'of %s: the slots of a period are the changes of its members, in order of time',
    (name) => {
      const { slots } = marketplace[name];
      const period = slots.periodOf(NOON);
      const size = Math.min(slots.sizeOf(period), 5_000);
      const members = new Set<number>();
      let last = -Infinity;
      for (let slot = 0; slot < size; slot++) {
        const micros = slots.slotTime(period, slot);
        const member = slots.memberOf(period, slot);
        expect(micros).toBeGreaterThanOrEqual(last);
        expect(slots.timeOf(member, period)).toBe(micros);
        expect(slots.lastChange(member, micros)).toBe(period);
        expect([period - 1, UNCHANGED]).toContain(slots.lastChange(member, micros - 1));
        members.add(member);
        last = micros;
      }
      expect(members.size).toBe(size);
      expect(slots.firstSlot(slots.slotTime(period, 3))).toEqual({ period, slot: 3 });
      expect(slots.timeOf(slots.sizeOf(period), period)).toBeUndefined();
    },
  );

  it('compute a member alone, whatever was asked before', () => {
    const { products, vendors, customers } = marketplace;
    const textOf = (source: Marketplace, number: number): string => {
      const product = source.products.get(number);
      const version = source.products.versionAt(product, NOON);
      const { vendor } = product;
      const customer = source.customers.get(number);
      return JSON.stringify([product.sku, product.listedMicros, vendor.id, vendor.vertical, source.products.nameAt(product, version), source.products.centsAt(product, version, NOON), source.vendors.texts(vendor, source.vendors.versionAt(vendor, NOON)), customer.id, source.customers.profile(customer, 3)]); // prettier-ignore
    };
    const forwards = Array.from({ length: 400 }, (_, number) => textOf(marketplace, number));
    const other = new Marketplace('test', scenarioNamed('steady'));
    for (let number = 399; number >= 0; number--) expect(textOf(other, number)).toBe(forwards[number]);
    expect([products.get(5).sku, vendors.get(5).id, customers.get(5).id]).not.toContain(
      new Marketplace('2', scenarioNamed('steady')).products.get(5).sku,
    );
  });

  it('of another simulation version or seed are other people', () => {
    const idOf = (seed: string, version: number): string =>
      new Marketplace(seed, scenarioNamed('steady'), version).customers.get(1).id;
    const ids = [idOf('1', SIMULATION_VERSION), idOf('1', SIMULATION_VERSION + 1), idOf('2', SIMULATION_VERSION)];
    expect(new Set(ids).size).toBe(3);
    expect(idOf('1', SIMULATION_VERSION)).toBe(ids[0]);
  });
});

describe('the catalog', () => {
  it('has products of vendors that were there before', () => {
    const count = marketplace.productsAt(NOON_MS);
    for (let number = 0; number < count; number++) {
      const { vendor, listedMicros } = marketplace.products.get(number);
      expect(vendor.onboardedMicros).toBeLessThan(listedMicros);
    }
  });

  it('has products of every vertical at any time, and chooses only those that are listed', () => {
    const { products, popularity } = marketplace;
    const draws = new Draws(marketplace.key, 'test');
    for (const date of ['2021-01-02', '2022-06-01', '2026-03-02', '2031-01-01']) {
      const micros = Date.parse(date) * MICROS_PER_MS;
      for (let vertical = 0; vertical < 7; vertical++) {
        for (let thing = 0; thing < 20; thing++) {
          const product = popularity.pick(vertical, micros, draws.select(thing, vertical), 0);
          expect(products.isListed(product, micros)).toBe(true);
        }
      }
    }
  });

  it('changes the name of a product, its price, or delists it, and leaves the rest as it is', () => {
    const busy = new Marketplace('test', scenarioOf('catalog: { renameEvery: 4, productLifetimeDays: 5 }'));
    const { products } = busy;
    const seen = { price: 0, name: 0, delisted: 0, nothing: 0 };
    for (let number = 0; number < 300; number++) {
      const product = products.get(number);
      for (let period = product.listedPeriod + 1; period < product.listedPeriod + 30; period++) {
        const change = products.changeIn(product, period);
        seen[change]++;
        if (change === 'nothing') continue;
        const isRenamed = products.nameAt(product, period) !== products.nameAt(product, period - 1);
        const isPriced = products.regularCents(product, period) !== products.regularCents(product, period - 1);
        if (change !== 'price') expect(isPriced).toBe(false);
        if (change === 'price') expect(isRenamed).toBe(false);
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it('has names and addresses of one country', () => {
    for (let number = 0; number < 200; number++) {
      const vendor = marketplace.vendors.get(number);
      const { words } = vendor;
      const { name, address } = marketplace.vendors.texts(vendor, UNCHANGED);
      expect(words.lastNames.some((last) => name.startsWith(`${last} `))).toBe(true);
      expect(words.companyForms.some((form) => name.endsWith(` ${form}`))).toBe(true);
      expect(words.cities.some(([city]) => address.includes(city))).toBe(true);
      expect(address).toMatch(/\d/);
      expect(address).not.toMatch(/[#?]/);
    }
    for (const words of COUNTRY_WORDS) {
      expect(words.firstNames.length).toBeGreaterThan(50);
      expect(words.lastNames.length).toBeGreaterThan(50);
      expect(words.streets.length).toBeGreaterThan(12);
    }
  });
});

describe('a flash sale', () => {
  const sale = new Marketplace(
    'test',
    scenarioOf(`
population: { vendors: 20, products: 300 }
effects:
  - { kind: flash-sale, everyMinutes: 60, offsetMinutes: 10, durationMinutes: 20, discount: 0.5, verticals: [Books] }
`),
  );

  it('halves the prices of its vertical while it lasts, and no others', () => {
    const { products } = sale;
    let reduced = 0;
    for (let number = 0; number < 200; number++) {
      const product = products.get(number);
      const version = products.versionAt(product, NOON);
      const [before, during, after] = [5, 20, 40].map((minute) =>
        products.centsAt(product, version, NOON + minute * 60_000_000),
      );
      expect(after).toBe(before);
      const isOnSale = product.vendor.vertical === 'Books';
      expect(during).toBe(isOnSale ? Math.round((before ?? 0) / 2) : before);
      if (isOnSale) reduced++;
    }
    expect(reduced).toBeGreaterThan(5);
  });
});

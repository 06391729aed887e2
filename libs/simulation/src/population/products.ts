import { type Vertical, VERTICALS } from '@orderstream/contracts';
import { AliasTable } from '../random/alias-table';
import { Draws, type SeedKey } from '../random/draws';
import { uuid } from '../random/hex';
import { Permutation } from '../random/permutation';
import { type Scenario } from '../scenario/schema';
import { MICROS_PER_MS, MS_PER_DAY } from '../time/timestamps';
import { GOODS } from '../words/goods';
import { BoundedCache } from './bounded-cache';
import { ChangeSlots, UNCHANGED } from './change-slots';
import { type Growth } from './growth';
import { type Product } from './product';
import { type Sales } from './sales';
import { type Vendor, type Vendors } from './vendors';

// Constants: a look-up of `Math` is slow where tests run.
const { exp, floor, log, max, min, round } = Math;

/** What a product's slot in a period changes. */
export type ProductChange = 'price' | 'name' | 'delisted' | 'nothing';

const CACHE_SIZE = 32_768;
const VENDOR_TRIES = 12;
/** The first two products of each vertical are never delisted, so that every vertical has some. */
const PERMANENT = 2 * VERTICALS.length;
const PRICE_DRIFT_SIGMA = 0.05;
const NO_VERSION = -2;
const LOWEST_CENTS = 49;
const HIGHEST_CENTS = 99_999_999;
/** Below it, prices end in 9 cents. */
const SMALL_PRICE = 20;
const ENDINGS = [99, 95, 90, 49] as const;

const DRAW = { sku: 900, price: 0, noun: 1, lifetime: 2, phase: 3, ending: 4, uniform: 5, vendor: 16 } as const;
const VERSION_DRAW = { drift: 0, promotion: 1, discount: 2, adjective: 3, variant: 4 } as const;

/** Decimal string of a number of cents. */
export function money(cents: number): string {
  const whole = floor(cents / 100);
  const rest = cents - whole * 100;
  return rest < 10 ? `${whole}.0${rest}` : `${whole}.${rest}`;
}

/** The products, each computed from its number. A product's version is the period of its last change. */
export class Products {
  readonly slots: ChangeSlots;
  private readonly draws: Draws;
  private readonly versionDraws: Draws;
  private readonly nameDraws: Draws;
  private readonly cache = new BoundedCache(CACHE_SIZE, (number) => this.create(number));

  constructor(
    seed: SeedKey,
    private readonly scenario: Scenario,
    readonly growth: Growth,
    private readonly vendors: Vendors,
    private readonly sales: Sales,
    periodMicros: number,
  ) {
    this.slots = new ChangeSlots(seed, 'product', periodMicros, growth);
    this.draws = new Draws(seed, 'product');
    this.versionDraws = new Draws(seed, 'product version');
    this.nameDraws = new Draws(seed, 'product name');
  }

  get(number: number): Product {
    return this.cache.get(number);
  }

  versionAt(product: Product, micros: number): number {
    return this.slots.lastChange(product.number, micros);
  }

  /** Whether the product is offered at a time. */
  isListed(product: Product, micros: number): boolean {
    if (product.listedMicros > micros) return false;
    if (this.slots.periodOf(micros) < product.delistedPeriod) return true;
    return this.versionAt(product, micros) < product.delistedPeriod;
  }

  changeIn(product: Product, period: number): ProductChange {
    if (period > product.delistedPeriod) return 'nothing';
    if (period === product.delistedPeriod) return 'delisted';
    return this.renames(product, period) ? 'name' : 'price';
  }

  nameAt(product: Product, version: number): string {
    const { renameEvery } = this.scenario.catalog;
    const number = floor(
      ((version === UNCHANGED ? product.listedPeriod : version) + product.renamePhase) / renameEvery,
    );
    const { texts } = product;
    if (texts.version !== number) {
      const { adjectives, variants } = GOODS[product.vendor.vertical];
      const draws = this.nameDraws.select(product.number, number);
      const adjective = adjectives[draws.below(VERSION_DRAW.adjective, adjectives.length)] as string;
      const variant = variants[draws.below(VERSION_DRAW.variant, variants.length)] as string;
      texts.name = `${adjective} ${product.noun}, ${variant}`;
      texts.version = number;
    }
    return texts.name;
  }

  /** The price in cents at a time, with a flash sale if there is one. */
  centsAt(product: Product, version: number, micros: number): number {
    return this.sales.reduced(product, this.regularCents(product, version), micros);
  }

  /** The price in cents at a version, without flash sales. */
  regularCents(product: Product, version: number): number {
    let priced = version === UNCHANGED ? product.listedPeriod : version;
    // A change of the name, and a delisting, leave the price as it was.
    while (priced > product.listedPeriod && this.changeIn(product, priced) !== 'price') priced--;
    const { price } = product;
    if (price.version !== priced) {
      price.cents = this.computeCents(product, priced);
      price.version = priced;
    }
    return price.cents;
  }

  private renames(product: Product, period: number): boolean {
    const { renameEvery } = this.scenario.catalog;
    return (period + product.renamePhase) % renameEvery === 0;
  }

  private computeCents({ number, basePrice }: Product, period: number): number {
    const { values, catalog } = this.scenario;
    if (values === 'uniform') return basePrice;
    const draws = this.versionDraws.select(number, period);
    const isPromotion = draws.fraction(VERSION_DRAW.promotion) < catalog.promotions;
    const discount = isPromotion ? 0.1 + 0.3 * draws.fraction(VERSION_DRAW.discount) : 0;
    const price = draws.logNormal(VERSION_DRAW.drift, basePrice, PRICE_DRIFT_SIGMA) * (1 - discount);
    const ending = ENDINGS[this.draws.select(number).below(DRAW.ending, ENDINGS.length)] as number;
    const cents = price < SMALL_PRICE ? round(price * 10) * 10 - 1 : floor(price) * 100 + ending;
    return min(HIGHEST_CENTS, max(LOWEST_CENTS, cents));
  }

  private create(number: number): Product {
    const listedMicros = this.growth.timeOf(number);
    const listedPeriod = this.slots.periodOf(listedMicros);
    const vendor = this.vendorOf(number, listedMicros);
    const { values, verticals, catalog } = this.scenario;
    const { medianPrice, priceSigma } = verticals[vendor.vertical];
    const draws = this.draws.select(number);
    const level = draws.normal(DRAW.price);
    const lifetime = -log(draws.fraction(DRAW.lifetime)) * catalog.productLifetimeDays * MS_PER_DAY * MICROS_PER_MS;
    const isPermanent = number < PERMANENT || values === 'uniform';
    return {
      number,
      sku: uuid(draws, DRAW.sku),
      vendor,
      listedMicros,
      listedPeriod,
      delistedPeriod: isPermanent ? Infinity : listedPeriod + 1 + floor(lifetime / this.slots.periodMicros),
      basePrice:
        values === 'uniform' ? 1_000 + draws.below(DRAW.uniform, 99_001) : medianPrice * exp(priceSigma * level),
      noun: nounOf(vendor.vertical, level, draws.fraction(DRAW.noun)),
      renamePhase: draws.below(DRAW.phase, catalog.renameEvery),
      price: { version: NO_VERSION, cents: 0 },
      texts: { version: NO_VERSION, name: '' },
    };
  }

  /** A vendor that was there before the product was listed; large vendors list more. */
  private vendorOf(number: number, listedMicros: number): Vendor {
    if (number < PERMANENT) return this.vendors.get(number % VERTICALS.length);
    const count = this.vendors.growth.countAt(listedMicros - 1);
    let vendor = this.vendors.get(0);
    for (let attempt = 0; attempt < VENDOR_TRIES; attempt++) {
      // Creating a vendor does not change this selection: it has draws of its own.
      const draws = this.draws.select(number);
      vendor = this.vendors.get(draws.below(DRAW.vendor + 2 * attempt, count));
      if (draws.fraction(DRAW.vendor + 2 * attempt + 1) < vendor.size) break;
    }
    return vendor;
  }
}

const NOUNS_BY_PRICE = new Map(
  VERTICALS.map((vertical) => [
    vertical,
    GOODS[vertical].nouns.toSorted(([, a], [, b]) => a - b).map(([noun]) => noun),
  ]),
);

/** A noun whose usual price fits the product's place among the prices of its vertical. */
function nounOf(vertical: Vertical, level: number, fraction: number): string {
  const nouns = NOUNS_BY_PRICE.get(vertical) ?? [];
  const quantile = 1 / (1 + exp(-1.702 * level));
  const place = floor(quantile * nouns.length + 3 * (fraction - 0.5));
  return nouns[min(nouns.length - 1, max(0, place))] as string;
}

interface PopularityBlock {
  readonly numbers: readonly number[];
  readonly table: AliasTable;
}

const FIRST_BLOCK = 256;
/** Counter of the permutation, apart from those of flash sales. */
const RANKS = 2;
const PICK_TRIES = 24;

/**
 * Chooses products of a vertical by popularity. Numbers are cut into blocks of doubling size. The rank of a product in its
 * block is a place in a permutation, and its weight a power of rank by size: so weight by rank is a Zipf law at any size,
 * and a new product may become the most popular one. A block is computed when its first product is listed. It takes 20
 * bytes for each product.
 */
export class Popularity {
  private readonly byVertical: readonly PopularityBlock[][] = VERTICALS.map(() => []);
  private covered = 0;
  /** When the first product is listed that is not covered. */
  private coveredUntilMicros = -Infinity;

  constructor(
    private readonly seed: SeedKey,
    private readonly exponent: number,
    private readonly products: Products,
  ) {}

  /** Takes up to 24 draws of the selected thing, from `draw` on. Of the products that are listed at this time. */
  pick(vertical: number, micros: number, draws: Draws, draw: number): Product {
    while (this.coveredUntilMicros <= micros) this.cover();
    const blocks = this.byVertical[vertical] as PopularityBlock[];
    let total = 0;
    for (const { table } of blocks) total += table.total;
    for (let attempt = 0; attempt < PICK_TRIES; attempt++) {
      let place = draws.fraction(draw + attempt) * total;
      for (const { numbers, table } of blocks) {
        if (place >= table.total) {
          place -= table.total;
          continue;
        }
        const product = this.products.get(numbers[table.pick(place / table.total)] as number);
        if (this.products.isListed(product, micros)) return product;
        break;
      }
    }
    return this.products.get(vertical);
  }

  private cover(): void {
    const from = this.covered;
    const to = max(FIRST_BLOCK, 2 * from);
    const ranks = new Permutation().choose(this.seed.key0, this.seed.key1, from, RANKS, to - from);
    const numbers: number[][] = VERTICALS.map(() => []);
    for (let number = from; number < to; number++) {
      numbers[VERTICALS.indexOf(this.products.get(number).vendor.vertical)]?.push(number);
    }
    numbers.forEach((members, vertical) => {
      if (members.length === 0) return;
      const table = new AliasTable(
        members.map((number) => ((ranks.at(number - from) + 0.5) / (to - from)) ** -this.exponent),
      );
      this.byVertical[vertical]?.push({ numbers: members, table });
    });
    this.covered = to;
    this.coveredUntilMicros = this.products.growth.timeOf(to);
  }
}

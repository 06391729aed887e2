import { type Vertical, VERTICALS } from '@orderstream/contracts';
import { AliasTable } from '../random/alias-table';
import { Draws, type SeedKey } from '../random/draws';
import { hex64 } from '../random/hex';
import { type Scenario } from '../scenario/schema';
import { addressOf, companyName, COUNTRIES, COUNTRY_WORDS, type CountryWords } from '../words/countries';
import { GOODS } from '../words/goods';
import { BoundedCache } from './bounded-cache';
import { ChangeSlots, UNCHANGED } from './change-slots';
import { type Growth } from './growth';
import { Recurring } from './recurring';

/** What never changes of a vendor. */
export interface Vendor {
  readonly number: number;
  readonly id: string;
  readonly onboardedMicros: number;
  readonly vertical: Vertical;
  readonly words: CountryWords;
  /** From 0 to 1: ratings follow it. */
  readonly quality: number;
  /** From 0 to 1: the share of a vendor of the largest size. */
  readonly size: number;
  /** The first period whose change renames the vendor, modulo the periods between two renames. */
  readonly renamePhase: number;
  /** The texts of the version that was asked for last. */
  readonly texts: { version: number; name: string; address: string };
}

export interface VendorTexts {
  readonly name: string;
  readonly address: string;
}

/** One change of this number renames the vendor; the others move it. */
const RENAME_EVERY = 4;
const CACHE_SIZE = 16_384;
const NO_VERSION = -2;

/** Draws of a vendor. Numbers are part of the simulation's version. */
const DRAW = { id: 900, vertical: 0, country: 1, quality: 2, size: 3, phase: 4, name: 5, address: 8 } as const;

/** The vendors, each computed from its number. A vendor's version is the period of its last change. */
export class Vendors {
  readonly slots: ChangeSlots;
  private readonly draws: Draws;
  private readonly versionDraws: Draws;
  private readonly outageDraws: Draws;
  private readonly countries: AliasTable;
  private readonly verticals: AliasTable;
  private readonly cache = new BoundedCache(CACHE_SIZE, (number) => this.create(number));
  private readonly outages: readonly { readonly when: Recurring; readonly share: number }[];

  constructor(
    seed: SeedKey,
    scenario: Scenario,
    readonly growth: Growth,
    periodMicros: number,
  ) {
    this.slots = new ChangeSlots(seed, 'vendor', periodMicros, growth);
    this.draws = new Draws(seed, 'vendor');
    this.versionDraws = new Draws(seed, 'vendor version');
    this.outageDraws = new Draws(seed, 'vendor outage');
    this.countries = new AliasTable(COUNTRIES.map((country) => scenario.countries[country]));
    this.verticals = new AliasTable(VERTICALS.map((vertical) => scenario.interest[vertical]));
    this.outages = scenario.effects.flatMap((effect) =>
      effect.kind === 'vendor-outage' ? [{ when: new Recurring(effect), share: effect.vendors }] : [],
    );
  }

  get(number: number): Vendor {
    return this.cache.get(number);
  }

  /** The vendor's texts at a version. */
  texts(vendor: Vendor, version: number): VendorTexts {
    const { texts } = vendor;
    if (texts.version !== version) {
      const shifted = version === UNCHANGED ? 0 : version + vendor.renamePhase;
      const renames = version === UNCHANGED ? 0 : Math.floor(shifted / RENAME_EVERY) + 1;
      const moves = version === UNCHANGED ? 0 : version - renames;
      const { words } = vendor;
      const draws = this.draws.select(vendor.number);
      texts.name = companyName(words, GOODS[vendor.vertical].trades, draws, renames + draws.below(7, 64), DRAW.name);
      texts.address = addressOf(words, this.versionDraws.select(vendor.number, moves), DRAW.address);
      texts.version = version;
    }
    return texts;
  }

  versionAt(vendor: Vendor, micros: number): number {
    return this.slots.lastChange(vendor.number, micros);
  }

  /** Whether the vendor neither sells nor ships at a time. */
  isOut(vendor: Vendor, micros: number): boolean {
    return this.backAt(vendor, micros) !== undefined;
  }

  /** When the vendor's outage ends; undefined if it has none at this time. */
  backAt(vendor: Vendor, micros: number): number | undefined {
    for (const { when, share } of this.outages) {
      if (!when.isOn(micros)) continue;
      const window = when.lastWindow(micros);
      if (this.outageDraws.select(vendor.number, window).fraction(0) < share) return when.endOf(window);
    }
    return undefined;
  }

  private create(number: number): Vendor {
    const onboardedMicros = this.growth.timeOf(number);
    const draws = this.draws.select(number);
    // The first vendors cover all verticals.
    const vertical = number < VERTICALS.length ? number : this.verticals.pick(draws.fraction(DRAW.vertical));
    return {
      number,
      id: hex64(draws, DRAW.id),
      onboardedMicros,
      vertical: VERTICALS[vertical] as Vertical,
      words: COUNTRY_WORDS[this.countries.pick(draws.fraction(DRAW.country))] as CountryWords,
      quality: Math.sqrt(draws.fraction(DRAW.quality)),
      size: draws.fraction(DRAW.size) ** 2,
      renamePhase: draws.below(DRAW.phase, RENAME_EVERY),
      texts: { version: NO_VERSION, name: '', address: '' },
    };
  }
}

import { type Scenario } from '../scenario/schema';
import { MS_PER_DAY, MS_PER_HOUR } from '../time/timestamps';
import { COUNTRIES, COUNTRY_WORDS } from '../words/countries';

// Constants: a look-up of `Math` is slow where tests run.
const { cos, floor, max } = Math;

const HOURS = [0.25, 0.15, 0.1, 0.08, 0.1, 0.2, 0.4, 0.65, 0.85, 1, 1.1, 1.15, 1.2, 1.1, 1.05, 1.05, 1.1, 1.2, 1.4, 1.65, 1.85, 1.8, 1.3, 0.7]; // prettier-ignore
/** From Monday. */
const WEEKDAYS = [1, 0.97, 0.98, 1, 0.93, 1, 1.15] as const;
/** 1970-01-01 was a Thursday. */
const WEEKDAY_OF_1970 = 3;
const HOURS_PER_DAY = 24;
const DAYS_PER_YEAR = 365.2425;
/** Day of the year with the highest season. */
const PEAK_DAY = 330;

const normalized = (weights: readonly number[]): number[] => {
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => weight / mean);
};
const HOUR_FACTORS = normalized(HOURS);
const WEEKDAY_FACTORS = normalized(WEEKDAYS);

/** The highest factor of a country's rhythm. */
const HIGHEST = max(...HOUR_FACTORS) * max(...WEEKDAY_FACTORS);

/** A country's factor by local hour and weekday. Its mean over a week is 1. */
function rhythmOf(utcOffsetHours: number, ms: number): number {
  const localHours = floor(ms / MS_PER_HOUR) + utcOffsetHours;
  const hour = ((localHours % HOURS_PER_DAY) + HOURS_PER_DAY) % HOURS_PER_DAY;
  const weekday = (floor(localHours / HOURS_PER_DAY) + WEEKDAY_OF_1970) % WEEKDAYS.length;
  return (HOUR_FACTORS[hour] as number) * (WEEKDAY_FACTORS[weekday] as number);
}

/** How the number of sessions varies with time, and from country to country. */
export class Rhythm {
  private hour = NaN;
  private readonly factors = new Float64Array(COUNTRIES.length).fill(1);
  private total = 1;
  private readonly shares: readonly number[];
  private readonly isDaily: boolean;

  constructor(private readonly scenario: Scenario) {
    this.shares = COUNTRIES.map((country) => scenario.countries[country]);
    this.isDaily = scenario.arrivals.rhythm === 'daily';
  }

  /** The factor on the mean rate, of all countries together. Its mean over a year is 1. */
  at(ms: number): number {
    this.select(ms);
    const { season } = this.scenario.arrivals;
    if (season === 0) return this.total;
    const day = (ms / MS_PER_DAY - PEAK_DAY) / DAYS_PER_YEAR;
    return this.total * (1 + season * cos(2 * Math.PI * day));
  }

  /** The chance, among countries, that a customer of this country is there: at most 1. */
  chanceOf(country: number, ms: number): number {
    if (!this.isDaily) return 1;
    this.select(ms);
    return (this.factors[country] as number) / HIGHEST;
  }

  private select(ms: number): void {
    if (!this.isDaily) return;
    const hour = floor(ms / MS_PER_HOUR);
    if (hour === this.hour) return;
    this.hour = hour;
    this.total = 0;
    for (let country = 0; country < this.factors.length; country++) {
      const factor = rhythmOf(COUNTRY_WORDS[country]?.utcOffsetHours ?? 0, ms);
      this.factors[country] = factor;
      this.total += factor * (this.shares[country] as number);
    }
  }
}

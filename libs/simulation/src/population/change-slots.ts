import { Draws, type SeedKey } from '../random/draws';
import { Permutation } from '../random/permutation';
import { type Growth } from './growth';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, max } = Math;

/** No change yet: the member is as it joined. */
export const UNCHANGED = -1;

interface Period {
  number: number;
  size: number;
  readonly permutation: Permutation;
}

const CACHED_PERIODS = 4;

/**
 * When the members of a population change. Time is cut into periods. A period has one slot for each member that joined
 * before it, and a permutation says whose slot each is. So every member changes once in a period, the member of a slot
 * and the slot of a member are computed alone, and slots in order are changes in order of time.
 */
export class ChangeSlots {
  private readonly draws: Draws;
  private readonly key0: number;
  private readonly key1: number;
  private readonly periods: Period[] = Array.from({ length: CACHED_PERIODS }, () => ({
    number: -1,
    size: 0,
    permutation: new Permutation(),
  }));

  constructor(
    seed: SeedKey,
    kind: string,
    readonly periodMicros: number,
    private readonly growth: Growth,
  ) {
    this.draws = new Draws(seed, `${kind} changes`);
    this.key0 = this.draws.select(0).below(0, 2 ** 32) | 0;
    this.key1 = this.draws.select(0).below(1, 2 ** 32) | 0;
  }

  periodOf(micros: number): number {
    return floor(micros / this.periodMicros);
  }

  /** Number of slots of a period. */
  sizeOf(period: number): number {
    return this.period(period).size;
  }

  /** When a slot of a period is. */
  slotTime(period: number, slot: number): number {
    const { size } = this.period(period);
    const place = (slot + this.draws.select(slot, period).fraction(0)) / size;
    return floor((period + place) * this.periodMicros);
  }

  memberOf(period: number, slot: number): number {
    return this.period(period).permutation.at(slot);
  }

  /** When a member changes in a period; undefined if it joined in or after it. */
  timeOf(member: number, period: number): number | undefined {
    const { size, permutation } = this.period(period);
    return member < size ? this.slotTime(period, permutation.placeOf(member)) : undefined;
  }

  /** The period of the member's last change at a time, or UNCHANGED. */
  lastChange(member: number, micros: number): number {
    const period = this.periodOf(micros);
    const time = this.timeOf(member, period);
    if (time === undefined) return UNCHANGED;
    if (time <= micros) return period;
    return member < this.sizeOf(period - 1) ? period - 1 : UNCHANGED;
  }

  /** The first slot at or after a time. */
  firstSlot(micros: number): { readonly period: number; readonly slot: number } {
    const period = this.periodOf(micros);
    const { size } = this.period(period);
    let slot = max(0, floor((micros / this.periodMicros - period) * size) - 1);
    while (slot < size && this.slotTime(period, slot) < micros) slot++;
    return { period, slot };
  }

  private period(number: number): Period {
    const cached = this.periods[((number % CACHED_PERIODS) + CACHED_PERIODS) % CACHED_PERIODS] as Period;
    if (cached.number !== number) {
      cached.number = number;
      cached.size = this.growth.countAt(number * this.periodMicros);
      cached.permutation.choose(this.key0, this.key1, number | 0, 0, max(1, cached.size));
    }
    return cached;
  }
}

import { Draws, type SeedKey } from '../random/draws';
import { MICROS_PER_MS, MS_PER_DAY } from '../time/timestamps';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, max } = Math;

const MICROS_PER_DAY = MS_PER_DAY * MICROS_PER_MS;

export interface GrowthCurve {
  readonly openedMicros: number;
  /** When the population has its size. It grows on by the same curve. */
  readonly sizeMicros: number;
  /** Members at the opening. */
  readonly initial: number;
  readonly size: number;
  readonly exponent: number;
  /** The initial members joined within 30 days, which ended so many days before the opening. */
  readonly leadDays: number;
}

/**
 * When the members of a population joined. Member `i` joins when the growth curve passes `i` plus a random fraction, so
 * the times increase with the number, and both directions are computed alone.
 */
export class Growth {
  private readonly draws: Draws;

  constructor(
    seed: SeedKey,
    kind: string,
    private readonly curve: GrowthCurve,
  ) {
    this.draws = new Draws(seed, `${kind} joins`);
  }

  /** Microseconds since 1970. */
  timeOf(number: number): number {
    const { openedMicros, sizeMicros, initial, size, exponent, leadDays } = this.curve;
    const place = number + this.draws.select(number).fraction(0);
    if (number < initial) return floor(openedMicros - (leadDays + 30 * (1 - place / initial)) * MICROS_PER_DAY);
    const grown = (place - initial) / (size - initial);
    const elapsed = exponent === 1 ? grown : grown ** (1 / exponent);
    return floor(openedMicros + elapsed * (sizeMicros - openedMicros));
  }

  /** Number of members that have joined at a time. */
  countAt(micros: number): number {
    const { openedMicros, sizeMicros, initial, size, exponent, leadDays } = this.curve;
    const elapsed = (micros - openedMicros) / (sizeMicros - openedMicros);
    const place =
      elapsed >= 0
        ? initial + (size - initial) * elapsed ** exponent
        : initial * (1 + ((micros - openedMicros) / MICROS_PER_DAY + leadDays) / 30);
    let count = max(0, floor(place));
    while (count > 0 && this.timeOf(count - 1) > micros) count--;
    while (this.timeOf(count) <= micros) count++;
    return count;
  }
}

import { type Scenario } from './scenario/schema';
import { MICROS_PER_MS, MS_PER_HOUR } from './time/timestamps';

/** The sources of the events, and which of them have the columns of a rollout. */
export class Producers {
  private readonly sources: readonly string[];
  private readonly fromMicros: readonly number[];

  constructor(seed: string, { producers, rollout }: Scenario) {
    const name = encodeURIComponent(seed);
    this.sources = Array.from({ length: producers }, (_, number) => `/orderstream/simulation/${name}/${number}`);
    this.fromMicros = Array.from({ length: producers }, (_, number) => {
      if (rollout === undefined) return -Infinity;
      const afterMs = (number / producers) * rollout.hours * MS_PER_HOUR;
      return (Date.parse(rollout.from) + afterMs) * MICROS_PER_MS;
    });
  }

  /** The source of a customer's or a vendor's events. */
  sourceOf(number: number): string {
    return this.sources[number % this.sources.length] as string;
  }

  /** Whether the producer of a customer's or a vendor's events has the new columns. */
  hasNewColumns(number: number, micros: number): boolean {
    return micros >= (this.fromMicros[number % this.fromMicros.length] as number);
  }
}

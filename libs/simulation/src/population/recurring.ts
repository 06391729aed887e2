import { MICROS_PER_MS, MS_PER_MINUTE } from '../time/timestamps';

// Constants: a look-up of `Math` is slow where tests run.
const { floor } = Math;

const MICROS_PER_MINUTE = MS_PER_MINUTE * MICROS_PER_MS;

/** When an effect happens, as a scenario says it. */
interface When {
  readonly everyMinutes: number;
  readonly offsetMinutes: number;
  readonly durationMinutes: number;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Windows of time that recur. Window `w` begins at `offset + w * every`. */
export class Recurring {
  private readonly everyMicros: number;
  private readonly offsetMicros: number;
  readonly durationMicros: number;
  private readonly fromMicros: number;
  private readonly toMicros: number;

  constructor({ everyMinutes, offsetMinutes, durationMinutes, from, to }: When) {
    this.everyMicros = everyMinutes * MICROS_PER_MINUTE;
    this.offsetMicros = offsetMinutes * MICROS_PER_MINUTE;
    this.durationMicros = durationMinutes * MICROS_PER_MINUTE;
    this.fromMicros = from === undefined ? -Infinity : Date.parse(from) * MICROS_PER_MS;
    this.toMicros = to === undefined ? Infinity : Date.parse(to) * MICROS_PER_MS;
  }

  /** The last window that began at or before a time, whether it has ended or not. */
  lastWindow(micros: number): number {
    return floor((micros - this.offsetMicros) / this.everyMicros);
  }

  startOf(window: number): number {
    return floor(this.offsetMicros + window * this.everyMicros);
  }

  endOf(window: number): number {
    return floor(this.startOf(window) + this.durationMicros);
  }

  /** Whether the window begins within the dates of the effect. */
  happens(window: number): boolean {
    const start = this.startOf(window);
    return start >= this.fromMicros && this.endOf(window) <= this.toMicros;
  }

  isOn(micros: number): boolean {
    const window = this.lastWindow(micros);
    return micros < this.endOf(window) && this.happens(window);
  }
}

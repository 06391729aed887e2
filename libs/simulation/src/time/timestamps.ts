// Constants: a look-up of `Math` is slow where tests run.
const { floor } = Math;

export const MICROS_PER_MS = 1_000;
export const MICROS_PER_SECOND = 1_000_000;
export const MS_PER_SECOND = 1_000;
export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;

const THREE_DIGITS = Array.from({ length: 1_000 }, (_, number) => String(number).padStart(3, '0'));
const CACHE_SIZE = 4_096;
const cachedSeconds = new Float64Array(CACHE_SIZE).fill(-1);
const cachedTexts: string[] = Array.from({ length: CACHE_SIZE }, () => '');

/** The RFC 3339 text of microseconds since 1970, with six decimals. */
export function timestamp(micros: number): string {
  const seconds = floor(micros / MICROS_PER_SECOND);
  const place = seconds % CACHE_SIZE;
  if (cachedSeconds[place] !== seconds) {
    cachedTexts[place] = new Date(seconds * MS_PER_SECOND).toISOString().slice(0, 20);
    cachedSeconds[place] = seconds;
  }
  const fraction = micros - seconds * MICROS_PER_SECOND;
  const ms = floor(fraction / MICROS_PER_MS);
  return `${cachedTexts[place] as string}${THREE_DIGITS[ms] as string}${THREE_DIGITS[fraction - ms * MICROS_PER_MS] as string}Z`;
}

/** The append time of a record that is appended when it is emitted, milliseconds since 1970. */
export const appendMsOf = (emittedMicros: number): number => Math.ceil(emittedMicros / MICROS_PER_MS);

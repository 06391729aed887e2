const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const MAX_DURATION_MS = 7 * UNITS_MS.d;

/** `10m` -> 600,000. Undefined if it is no duration from 1 s to 7 d. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return ms <= MAX_DURATION_MS ? ms : undefined;
}

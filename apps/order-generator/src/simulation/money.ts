/** A decimal string with 2 decimals. */
export const money = (cents: number): string => (cents / 100).toFixed(2);

/** Cents of a decimal string with 2 decimals. */
export const centsOf = (amount: string): number => Math.round(Number(amount) * 100);

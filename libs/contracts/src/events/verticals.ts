/** The lines of goods of the marketplace. */
export const VERTICALS = [
  'Electronics',
  'Books',
  'Fashion',
  'House and garden',
  'Sports',
  'Auto-moto',
  'Health and beauty',
] as const;
export type Vertical = (typeof VERTICALS)[number];

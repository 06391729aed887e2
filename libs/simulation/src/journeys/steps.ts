/** What a customer does in a session, and what happens to the order. Each step is one event. */
export const STEP = {
  started: 0,
  searched: 1,
  viewed: 2,
  added: 3,
  removed: 4,
  checkout: 5,
  placed: 6,
  paid: 7,
  shipped: 8,
  delivered: 9,
  cancelled: 10,
  rated: 11,
  reviewed: 12,
  returned: 13,
} as const;
export type Step = (typeof STEP)[keyof typeof STEP];

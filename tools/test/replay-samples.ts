import { type Plan } from '@orderstream/dead-letters';

/** Answers of the console. The plans are of the type that the engine has. */

export const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';

export const LETTER = {
  id: `${TOPIC}/3/17`,
  topic: TOPIC,
  partition: 3,
  offset: 17,
  app: 'validator',
  reason: 'reference.unknown_vendor',
  detail: [{ code: 'reference.unknown_vendor', path: 'vendor_id', constraint: 'in the catalog' }],
  fingerprint: '0123456789abcdef',
  attempt: 1,
  failedAt: '2026-11-26T11:00:00.000Z',
  firstFailedAt: '2026-11-26T11:00:00.000Z',
  key: 'customer-1',
  eventType: 'order.placed',
  eventId: 'event-1',
  source: { topic: 'marketplace.orders.raw.v1', partition: 3, offset: 99, timestamp: '2026-11-26T10:59:59.000Z' },
};

export const INDEX = { letters: 5_000, forgotten: 0, upToDate: true };

const OPTIONS = { includeDuplicates: false, followers: true, ratePerSecond: 100, canary: 0, stopAboveShare: 0.5 };
const PROGRESS = { returned: 0, parked: 0, skipped: 0, rejected: 0, cameBack: 0, total: 0 };

export const DRAFT: Plan = {
  id: 'plan-1',
  revision: 1,
  state: 'draft',
  topic: TOPIC,
  filter: { reason: 'reference.unknown_vendor' },
  options: OPTIONS,
  createdBy: 'ann',
  createdAt: '2026-11-26T11:58:00.000Z',
  progress: PROGRESS,
};

export const READY: Plan = {
  ...DRAFT,
  revision: 3,
  state: 'ready',
  preview: {
    at: '2026-11-26T11:59:00.000Z',
    upTo: { 3: 18 },
    letters: 5_000,
    followers: 120,
    total: 5_120,
    samples: [LETTER.id],
    settings: { version: '5f3a9c1b2d4e', revision: 12 },
    dryRun: { passes: 5_100, fails: [{ code: 'duplicate.order', count: 20 }], undecided: 0 },
    warnings: ['Live records may overtake the replayed ones.'],
  },
  progress: { ...PROGRESS, total: 5_120 },
};

export const RUNNING: Plan = {
  ...READY,
  revision: 5,
  state: 'running',
  progress: { ...READY.progress, returned: 2_560, cameBack: 3, currentRatePerSecond: 100 },
};

export const FINISHED: Plan = {
  ...READY,
  revision: 6,
  state: 'finished',
  endedAt: '2026-11-26T12:01:00.000Z',
  progress: { ...READY.progress, returned: 5_110, parked: 10 },
};

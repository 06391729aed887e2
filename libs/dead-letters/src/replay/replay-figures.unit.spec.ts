import { type PlanRecord } from './plan-events';
import { replayFigures } from './replay-figures';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();
const plan = (id: string, state: PlanRecord['state'], changed: number, more: Partial<PlanRecord> = {}): PlanRecord => ({
  created: {
    ...{ kind: 'created', plan: id, at: ago(9_000), actor: 'ann', idempotencyKey: id, topic: 't', filter: {} },
    options: { includeDuplicates: false, followers: true, ratePerSecond: 1, canary: 0, stopAboveShare: 1 },
  },
  ...{ revision: 2, state, isCanaryPassed: false, cameBack: 0, changedAt: ago(changed) },
  ...more,
});

function figuresOf(plans: readonly PlanRecord[], lastReceipts: Readonly<Record<string, number>> = {}) {
  const counts = { returned: 10, parked: 2, skipped: 1, rejected: 0 };
  const tallyOf = (id: string) => {
    const seconds = lastReceipts[id];
    return { counts, rate: () => 4, lastMs: seconds === undefined ? -Infinity : NOW - seconds * 1_000 };
  };
  return replayFigures(plans, tallyOf, NOW);
}

it('counts plans by state, letters by outcome, and the rate of those that run', () => {
  const plans = [
    plan('a', 'running', 50, { cameBack: 3 }),
    plan('b', 'running', 50),
    plan('c', 'stopped', 50, { cameBack: 4 }),
  ];
  expect(figuresOf(plans)).toMatchObject({
    plans: { running: 2, stopped: 1, draft: 0, failed: 0 },
    letters: { returned: 30, parked: 6, skipped: 3, rejected: 0, cameBack: 7 },
    ratePerSecond: 8,
  });
});

it('has the longest time without progress of what is to make progress by itself, or was paused by an error', () => {
  expect(figuresOf([])).toMatchObject({ idleSeconds: 0 });
  expect(figuresOf([plan('a', 'running', 700)], { a: 20 }).idleSeconds).toBe(20);
  expect(figuresOf([plan('a', 'running', 10)], { a: 20 }).idleSeconds).toBe(10);
  expect(figuresOf([plan('a', 'running', 30), plan('b', 'previewing', 700)]).idleSeconds).toBe(700);
  expect(figuresOf([plan('a', 'paused', 800, { outcome: 'Paused by an error' })]).idleSeconds).toBe(800);
  const waits = ['draft', 'ready', 'waiting', 'paused', 'finished', 'stopped'] as const;
  expect(figuresOf(waits.map((state) => plan(state, state, 900))).idleSeconds).toBe(0);
});

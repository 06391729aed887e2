import * as fc from 'fast-check';
import {
  PartitionState,
  type RawRecord,
  type RuleEvaluator,
  type StateLimits,
  StateOverlay,
  type StateRecord,
  type Verdict,
} from '../src';
import { digestOf } from '../src/state/identity-window';
import { identityOfRecord } from '../src/structure/structure';
import {
  evaluatorFor,
  type Fields,
  followUp,
  iso,
  knownCatalog,
  NOON_MS,
  placed,
  recordOf,
  sha,
  summary,
  uuid,
} from './fixtures';

/** Bounds that a short log reaches. */
export const SMALL: StateLimits = {
  events: { windowMs: 5_000, maxEntries: 6 },
  orderKeys: { windowMs: 4_000, maxEntries: 3 },
  lifecycles: { windowMs: 20_000, maxEntries: 4 },
  registrations: { maxEntries: 2 },
};

const skipping: RuleEvaluator = evaluatorFor();
/** Accepts a redelivered event. */
export const flagging: RuleEvaluator = evaluatorFor('orders', { 'duplicate.event': 'flag' });
const catalog = knownCatalog();

/**
 * Evaluates a log in batches of the sizes `cuts`, and the rest in one batch. Every batch is folded. With `dropFirst`
 * each batch is evaluated twice and its first overlay is dropped.
 */
export function run(
  log: readonly RawRecord[],
  cuts: readonly number[],
  dropFirst: boolean,
  state = new PartitionState(SMALL),
  evaluator = skipping,
  clockOf = (record: RawRecord): number => record.timestamp,
) {
  const verdicts: string[] = [];
  const accepted: { record: RawRecord; verdict: Verdict }[] = [];
  const stateLog: StateRecord[] = [];
  let from = 0;
  for (const size of [...cuts, log.length]) {
    const batch = log.slice(from, from + size);
    from += batch.length;
    for (const drop of dropFirst ? [true, false] : [false]) {
      const overlay = new StateOverlay(state);
      const batchVerdicts: string[] = [];
      const batchAccepted: { record: RawRecord; verdict: Verdict }[] = [];
      for (const record of batch) {
        overlay.advanceTo(record.timestamp, clockOf(record));
        const { verdict, changes } = evaluator.evaluate(record, overlay, catalog, true);
        overlay.settle(verdict, changes);
        batchVerdicts.push(summary(verdict));
        if (verdict.kind === 'accept' || verdict.kind === 'repair') batchAccepted.push({ record, verdict });
      }
      if (drop) continue;
      stateLog.push(...overlay.stateRecords(from));
      overlay.fold(from);
      verdicts.push(...batchVerdicts);
      accepted.push(...batchAccepted);
    }
  }
  return { verdicts, accepted, state, stateLog };
}

/** The state that these records of the state topic restore. */
export function restored(topic: readonly StateRecord[], limits = SMALL): PartitionState {
  const state = new PartitionState(limits);
  for (const record of topic) restoreRecord(state, record);
  state.finishRestore();
  return state;
}

export const restoreRecord = (state: PartitionState, { key, value }: StateRecord): void => {
  state.restoreRecord(Buffer.from(key), value === null ? null : Buffer.from(value));
};

/** The remembered events' append times, oldest first, and the rank of each of these identities among them. */
export const eventsIn = (
  { events: { identities: window } }: PartitionState,
  identities: Iterable<string>,
): unknown => ({
  times: Array.from({ length: window.size }, (_, rank) => window.timeAt(rank)),
  ranks: Array.from(identities, (identity) => window.rankOf(digestOf(identity))),
});

/** Everything that a state contains, oldest first; of its events, those of the log. */
export const contents = (state: PartitionState, log: Iterable<RawRecord>): unknown => ({
  events: eventsIn(
    state,
    Array.from(log, ({ headers }) => identityOfRecord(headers) ?? ''),
  ),
  orderKeys: [...state.orders.keys.entries],
  registrations: [...state.registrations.entries],
  open: [...state.orders.open.entries],
  closed: [...state.orders.closed.entries],
  horizon: state.orders.forgottenPlacedUntilMs,
  registrationHorizon: state.registrations.forgottenRegisteredUntilMs,
  accounting: state.accounting,
});

/** A log of a few customers and orders: legal, illegal, repeated and drifted events, with increasing append times. */
export const logs = fc
  .array(
    fc.record({
      order: fc.integer({ min: 1, max: 7 }),
      type: fc.constantFrom('order.placed', 'order.placed', 'order.paid', 'order.cancelled', 'order.shipped'),
      stepMs: fc.integer({ min: 1, max: 1_500 }),
      again: fc.boolean(),
      drifted: fc.boolean(),
    }),
    // With the default size most logs are far shorter and do not reach the bounds.
    { minLength: 1, maxLength: 60, size: 'max' },
  )
  .map((steps) => {
    let now = NOON_MS;
    let id = 0;
    const log: RawRecord[] = [];
    for (const { order, type, stepMs, again, drifted } of steps) {
      now += stepMs;
      const previous = log.at(-1 - (order % 4));
      if (again && previous !== undefined) {
        log.push({ ...previous, timestamp: now });
        continue;
      }
      const common: Fields = {
        event_id: uuid(++id),
        order_id: sha(`order ${order.toString()}`),
        customer_id: sha(`customer ${(order % 3).toString()}`),
        occurred_at: iso(now),
        order_placed_at: iso(NOON_MS + (order % 5)),
      };
      const body =
        type === 'order.placed'
          ? placed({ ...common, customer_registered_at: drifted ? '2025-01-02T00:00:00Z' : '2025-01-01T00:00:00Z' })
          : followUp(type, common);
      log.push(recordOf(body, { timestamp: now }));
    }
    return log;
  });
export const cuts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20, size: 'max' });

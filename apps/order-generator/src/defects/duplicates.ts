import { LEDGER_SEQ_HEADER } from '@orderstream/contracts';
import { type Draft } from '../simulation/record';
import { altered, type Defect, type Moment } from './defect';

/** Below the rules' window of 24 hours of append time. Virtual time may be behind append time, never ahead. */
const MAX_AGE_MS = 3_600_000;

const recent = <T>(from: readonly T[], { market }: Moment, ageMs: (item: T) => number): T | undefined => {
  if (from.length === 0) return undefined;
  const item = from[market.rng.index(from.length)];
  return item !== undefined && ageMs(item) <= MAX_AGE_MS ? item : undefined;
};

/** A new order with customer, vendor and time of an accepted one. */
function orderAgain(moment: Moment): Draft | undefined {
  const { market, seq, nowMs } = moment;
  const first = recent(market.memory.orders, moment, ({ placedAtMs }) => nowMs - placedAtMs);
  const event = market.pretendOrder(seq, nowMs);
  if (first === undefined || event === undefined) return undefined;
  return {
    ...event,
    key: first.customerId,
    headers: { ...event.headers, ce_subject: first.customerId },
    body: {
      ...event.body,
      customer_id: first.customerId,
      customer_registered_at: first.customerRegisteredAt,
      vendor_id: first.vendorId,
      order_placed_at: new Date(first.placedAtMs).toISOString(),
    },
  };
}

export const DUPLICATE_DEFECTS: readonly Defect[] = [
  {
    name: 'duplicate.event',
    expected: 'skip',
    weight: 5,
    // The same bytes and headers as an earlier record on the same partition, except for the ledger's header.
    make: (moment) => {
      const earlier = recent(moment.market.memory.records, moment, ({ occurredAtMs }) => moment.nowMs - occurredAtMs);
      if (earlier === undefined) return undefined;
      const { record } = earlier;
      return {
        ...record,
        seq: moment.seq,
        headers: { ...record.headers, [LEDGER_SEQ_HEADER]: moment.seq.toString() },
        defect: 'duplicate.event',
        expected: 'skip',
      };
    },
  },
  altered({ name: 'duplicate.order', expected: 'reject:duplicate.order', weight: 4 }, orderAgain, (body) => body),
];

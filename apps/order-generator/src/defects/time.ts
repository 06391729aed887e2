import { CE } from '@orderstream/contracts';
import { type Draft } from '../simulation/record';
import { altered, damaged, type Damage, type Defect, type Moment, order } from './defect';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** In the future even when the virtual clock is days behind the wall clock. */
const FUTURE_MS = 60 * DAY_MS;
/** More than the rule's seven days behind virtual time, and so behind append time. */
const LATE_MS = 10 * DAY_MS;
/** More than the rule's 1,800 days, and less than what BigQuery takes. */
const OLD_MS = 1_810 * DAY_MS;

/** The event at another time, in envelope and body. */
function moved({ body, headers, occurredAtMs }: Draft, byMs: number): Damage {
  const time = new Date(occurredAtMs + byMs).toISOString();
  return {
    value: Buffer.from(JSON.stringify({ ...body, occurred_at: time })),
    headers: { ...headers, [CE.time]: time },
  };
}

/** A customer event that does not change the marketplace. */
function registration({ market, seq, nowMs }: Moment): Draft | undefined {
  const customer = market.customers.peek(seq, market.rng);
  if (customer === undefined) return undefined;
  const fields = market.customers.profile(customer);
  return market.draft(seq, nowMs, { type: 'customer.updated', key: customer.id, fields });
}

/** Events with a time that is impossible or long ago. */
export const TIME_DEFECTS: readonly Defect[] = [
  damaged({ name: 'time.in_future', expected: 'reject:time.in_future', weight: 2 }, order, (event) =>
    moved(event, FUTURE_MS),
  ),
  // What a clock that was never set stamps, and what a converter makes of seconds that it takes for milliseconds.
  altered({ name: 'time.placed_in_future', expected: 'reject:time.in_future' }, order, (body) => ({
    ...body,
    order_placed_at: '2199-12-31T23:59:59.999Z',
  })),
  altered({ name: 'time.registered_in_future', expected: 'reject:time.in_future' }, registration, (body) => ({
    ...body,
    customer_registered_at: '2106-02-07T06:28:15.000Z',
  })),
  damaged(
    { name: 'time.too_old', expected: 'reject:time.too_old', weight: 2 },
    ({ market, seq, nowMs }) => market.pretendVisit('search.performed', seq, nowMs),
    (event) => moved(event, -OLD_MS),
  ),
  // Accepted with a flag, so it must not refer to anything that did not exist at that time.
  damaged(
    { name: 'time.too_late', expected: 'accept', weight: 2 },
    ({ market, seq, nowMs }) => market.pretendVisit('search.performed', seq, nowMs),
    (event) => moved(event, -LATE_MS),
  ),
  altered(
    { name: 'time.before_registration', expected: 'reject:time.before_registration', weight: 3 },
    order,
    (body) => {
      const registeredAtMs = Date.parse(String(body.customer_registered_at));
      return { ...body, order_placed_at: new Date(registeredAtMs - HOUR_MS).toISOString() };
    },
  ),
];

import { boundsOf, CUSTOMERS, example, OTHER_ORDER, type RuleGuide, THIRD_ORDER } from '../guide/rule-guide';
import { EVENT_LIMITS } from '../state/event-memory';
import { ORDER_LIMITS } from '../state/order-memory';
import { REGISTRATION_LIMITS } from '../state/registration-memory';

const REACH =
  "`orderstream_effective_window_seconds` shows how far the memory really reaches ([the validator's state](validator-state.md#how-far-it-reaches)).";
const DAY_LATER = '2026-01-03T12:00:00.001Z';

const placed = example('order.placed');
const paid = example('order.paid');
/** Placed in this order, each pushes out the one before where only one is remembered. */
const ordersOfThree = [
  example('order.placed', { order_placed_at: '2026-01-02T11:30:00.000Z' }),
  example('order.placed', { order_id: OTHER_ORDER, order_placed_at: '2026-01-02T11:20:00.000Z' }),
  example('order.placed', { order_id: THIRD_ORDER, order_placed_at: '2026-01-02T11:10:00.000Z' }),
] as const;
const ONE_ORDER = { lifecycles: { ...ORDER_LIMITS.lifecycles, maxEntries: 1 } };

export const DUPLICATE_GUIDES = {
  'duplicate.event': {
    examples: {
      fires: {
        what: 'A producer sent an event twice, as it must after a lost acknowledgement',
        records: [example('session.started', { event_id: 'e-1' }), example('session.started', { event_id: 'e-1' })],
      },
      nearMiss: {
        what: 'The same id of another source is another event',
        records: [
          example('session.started', { event_id: 'e-1' }),
          example('session.started', { event_id: 'e-1' }, { headers: { ce_source: '/app' } }),
        ],
      },
      uncertain: {
        verdict: 'accepted',
        what: 'Sent again 24 hours and 1 ms later: the id is forgotten',
        records: [
          example('session.started', { event_id: 'e-1' }),
          example('session.started', { event_id: 'e-1' }, { appendedAt: DAY_LATER }),
        ],
      },
    },
    whatToDo:
      'Nothing: a redelivery is not a defect of the data. If they are many, look for a producer that retries without end, or ' +
      'that gives the same id to different events.',
    replay: 'Is not needed: the event was accepted before.',
    certain: `For ${boundsOf(EVENT_LIMITS)}. A redelivery after that is accepted once more. ${REACH}`,
  },
  'duplicate.order': {
    examples: {
      fires: {
        what: 'A customer pressed the button twice: two orders of one customer, vendor and time',
        records: [placed, example('order.placed', { order_id: OTHER_ORDER })],
      },
      nearMiss: {
        what: 'The second order is a microsecond later',
        records: [
          placed,
          example('order.placed', { order_id: OTHER_ORDER, order_placed_at: '2026-01-02T11:59:59.000001Z' }),
        ],
      },
      uncertain: {
        verdict: 'accepted',
        what: 'Appended 24 hours and 1 ms later: the first order is no longer compared',
        records: [placed, example('order.placed', { order_id: OTHER_ORDER }, { appendedAt: DAY_LATER })],
      },
    },
    whatToDo:
      'The first order stays. See in the shop whether both were charged. If they are two orders, the producer cuts its times: ' +
      'send order_placed_at with milliseconds or microseconds.',
    replay: 'Does not help within the window; after it, the order would count twice. Leave it.',
    certain: `For ${boundsOf(ORDER_LIMITS.orderKeys)}. A duplicate after that is accepted. ${REACH}`,
  },
} as const satisfies Record<string, RuleGuide>;

export const CUSTOMER_GUIDES = {
  'drift.customer': {
    examples: {
      fires: {
        what: 'A second order has another registration of the same customer',
        records: [
          example('order.placed', { customer_registered_at: '2025-06-30T18:21:07.250Z' }),
          example('order.placed', {
            order_id: OTHER_ORDER,
            order_placed_at: '2026-01-02T11:59:59.500Z',
            customer_registered_at: '2025-06-30T18:21:07.000Z',
          }),
        ],
      },
      nearMiss: {
        what: 'Another notation of the same time',
        records: [
          example('order.placed', { customer_registered_at: '2025-06-30T18:21:07.250Z' }),
          example('order.placed', {
            order_id: OTHER_ORDER,
            order_placed_at: '2026-01-02T11:59:59.500Z',
            customer_registered_at: '2025-06-30T18:21:07.25Z',
          }),
        ],
      },
      uncertain: {
        verdict: 'flagged',
        what: 'With room for one customer, the first was forgotten: another who registered before that one may have been, too',
        limits: { registrations: { maxEntries: 1 } },
        records: [
          example('order.placed', { customer_id: CUSTOMERS.first, customer_registered_at: '2025-06-30T00:00:00Z' }),
          example('order.placed', {
            customer_id: CUSTOMERS.second,
            order_id: OTHER_ORDER,
            customer_registered_at: '2025-08-01T00:00:00Z',
          }),
          example('order.placed', {
            customer_id: CUSTOMERS.third,
            order_id: THIRD_ORDER,
            customer_registered_at: '2025-05-01T00:00:00Z',
          }),
        ],
      },
    },
    whatToDo:
      'Compare the column with the customer service. If the first order was wrong, all later ones of the customer are repaired ' +
      'to its value: correct the rows in the warehouse, where `quality_flags` has the rule.',
    replay: 'Is not needed: the record was repaired.',
    certain:
      `For the last ${REGISTRATION_LIMITS.maxEntries.toLocaleString('en-US')} customers of each partition, without a limit ` +
      'of time. After that the order of a customer who may have been forgotten is flagged, and not repaired.',
  },
} as const satisfies Record<string, RuleGuide>;

export const LIFECYCLE_GUIDES = {
  'lifecycle.illegal_transition': {
    examples: {
      fires: {
        what: 'An order is cancelled after it was shipped',
        records: [placed, paid, example('order.shipped'), example('order.cancelled')],
      },
      nearMiss: {
        what: 'Cancelled after it was paid, before it is shipped',
        records: [placed, paid, example('order.cancelled')],
      },
      uncertain: {
        verdict: 'flagged',
        what:
          'With room for one order, the third is older than the first, which was forgotten: it may have been placed and paid ' +
          'before',
        limits: ONE_ORDER,
        records: [
          ...ordersOfThree,
          example('order.shipped', { order_id: THIRD_ORDER, order_placed_at: '2026-01-02T11:10:00.000Z' }),
        ],
      },
    },
    whatToDo:
      'Look for the event that should have come before: it may be a dead letter itself (`npm run dead-letters`), or the producer ' +
      'sends the events of an order under different keys, so that their order is lost.',
    replay: 'Helps after the event that was missing has been accepted; replay them in the order of the lifecycle.',
    certain:
      `For orders whose last event is within ${boundsOf(ORDER_LIMITS.lifecycles)}; closed orders leave first. Where events of ` +
      `the order may be missing, a transition that they explain is flagged, and not rejected. ${REACH}`,
  },
  'lifecycle.unknown_order': {
    examples: {
      fires: { what: 'A payment of an order that was never placed', records: [paid] },
      nearMiss: { what: 'The order was placed before', records: [placed, paid] },
      uncertain: {
        verdict: 'flagged',
        what: 'With room for one order, the order was forgotten',
        limits: ONE_ORDER,
        records: [
          ...ordersOfThree,
          example('order.paid', { order_id: OTHER_ORDER, order_placed_at: '2026-01-02T11:20:00.000Z' }),
        ],
      },
    },
    whatToDo:
      'See why the order was not accepted: its `order.placed` may be a dead letter, with its own reason, or still to come from a ' +
      'producer that is behind.',
    replay: 'Helps once order.placed has been accepted. Replay it first.',
    certain:
      `For orders whose last event is within ${boundsOf(ORDER_LIMITS.lifecycles)}. An event of an order that was placed before ` +
      `the last one that was forgotten is flagged, and not rejected. ${REACH}`,
  },
} as const satisfies Record<string, RuleGuide>;

import { hex64, uuid } from '../../random/hex';
import { MICROS_PER_MS, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, timestamp } from '../../time/timestamps';
import { MAX_AGE_MS, MAX_AHEAD_MS, MAX_LATE_MS } from '../expected-verdict';
import { DEFECT_DRAW, eventId, orderId, otherVertical } from './bases';
import { type Draft, occurAt, setTime } from './draft';
import { about, type Edit, type Spec } from './spec';

// Constants: a look-up of `Math` is slow where tests run.
const { min } = Math;

/**
 * How far beside a boundary of time a record is. The append time is not known when a record is made: a clock may be a few
 * seconds off, and a record may be appended minutes after it was emitted.
 */
const CLOCK_MARGIN_MS = 5_000;
const DELAY_MARGIN_MS = 10 * MS_PER_MINUTE;

/** Occurred so long after it is emitted; before it if negative. */
const occurs =
  (ms: number): Edit =>
  (draft, { micros }) => {
    occurAt(draft, micros + ms * MICROS_PER_MS);
  };
const placed =
  (ms: number): Edit =>
  (draft, { micros }) => {
    setTime(draft, 'order_placed_at', micros + ms * MICROS_PER_MS);
  };

const inFuture = about('time.in_future', 'a search');
const IN_FUTURE: readonly Spec[] = [
  inFuture.defect('just', { weight: 2, combines: true, edit: occurs(MAX_AHEAD_MS + DELAY_MARGIN_MS) }),
  inFuture.defect('by_months', { edit: occurs(60 * MS_PER_DAY) }),
  inFuture.defect('placed', { base: 'an order', edit: placed(MAX_AHEAD_MS + DELAY_MARGIN_MS) }),
  // What a clock that was never set stamps.
  inFuture.defect('placed_in_2199', {
    base: 'an order',
    edit: (draft) => {
      setTime(draft, 'order_placed_at', Date.UTC(2199, 11, 31) * MICROS_PER_MS);
    },
  }),
  inFuture.defect('registered', {
    base: 'an order of a new customer',
    edit: (draft, { micros }) => {
      const later = micros + (MAX_AHEAD_MS + DELAY_MARGIN_MS) * MICROS_PER_MS;
      setTime(draft, 'order_placed_at', later);
      setTime(draft, 'customer_registered_at', later);
    },
  }),
  inFuture.nearMiss('just_not', { edit: occurs(MAX_AHEAD_MS - CLOCK_MARGIN_MS) }),
  inFuture.nearMiss('placed_just_not', { base: 'an order', edit: placed(MAX_AHEAD_MS - CLOCK_MARGIN_MS) }),
];

const tooLate = about('time.too_late', 'a search');
const TOO_LATE: readonly Spec[] = [
  tooLate.defect('just', { weight: 2, edit: occurs(-MAX_LATE_MS - CLOCK_MARGIN_MS) }),
  tooLate.defect('by_months', { edit: occurs(-90 * MS_PER_DAY) }),
  tooLate.nearMiss('just_not', { edit: occurs(-MAX_LATE_MS + DELAY_MARGIN_MS) }),
  tooLate.nearMiss('out_of_order', { weight: 2, edit: occurs(-2 * MS_PER_HOUR) }),
];

const tooOld = about('time.too_old', 'a search');
const TOO_OLD: readonly Spec[] = [
  tooOld.defect('just', { weight: 2, edit: occurs(-MAX_AGE_MS - CLOCK_MARGIN_MS) }),
  tooOld.defect('in_1970', {
    edit: (draft) => {
      occurAt(draft, 1_000_000);
    },
  }),
  tooOld.nearMiss('just_not', { fires: ['time.too_late'], edit: occurs(-MAX_AGE_MS + DELAY_MARGIN_MS) }),
];

const beforeRegistration = about('time.before_registration', 'an order');
const BEFORE_REGISTRATION: readonly Spec[] = [
  beforeRegistration.defect('by_a_microsecond', {
    weight: 2,
    combines: true,
    edit: (draft, moment, bases) => {
      setTime(draft, 'order_placed_at', bases.registeredMicros(moment) - 1);
    },
  }),
  beforeRegistration.defect('by_a_year', {
    edit: (draft, moment, bases) => {
      setTime(draft, 'order_placed_at', bases.registeredMicros(moment) - 365 * MS_PER_DAY * MICROS_PER_MS);
    },
  }),
  beforeRegistration.nearMiss('at_the_same_time', { base: 'an order of a new customer' }),
  // The registration is repaired first.
  beforeRegistration.nearMiss('repaired', {
    base: 'two orders',
    fires: ['drift.customer'],
    edit: ({ body }, { micros }) => {
      body.customer_registered_at = timestamp(micros + MS_PER_MINUTE * MICROS_PER_MS);
    },
  }),
];

const duplicateEvent = about('duplicate.event', 'the event', 'two searches');
const firstId: Edit = ({ body }, { draws }) => {
  body.event_id = eventId(draws, 0);
};
/** `DUPLICATES` in `defects.ts` makes the records that are skipped: they are copies of others. */
const DUPLICATE_EVENT: readonly Spec[] = [
  duplicateEvent.nearMiss('another_id', {}),
  duplicateEvent.nearMiss('of_another_source', {
    edit: firstId,
    spoil: ({ headers }) => {
      headers.ce_source = '/another/source';
    },
  }),
];

const duplicateOrder = about('duplicate.order', 'two orders');
const DUPLICATE_ORDER: readonly Spec[] = [
  duplicateOrder.defect('another_order_id', {
    combines: true,
    edit: (draft, { micros }) => {
      draft.body.order_placed_at = timestamp(micros);
    },
  }),
  duplicateOrder.nearMiss('a_microsecond_before', {
    edit: (draft, { micros }) => {
      draft.body.order_placed_at = timestamp(micros - 1);
    },
  }),
  duplicateOrder.nearMiss('of_another_vendor', {
    edit: (draft, moment, bases) => {
      const vendor = bases.otherVendor(moment);
      if (vendor === undefined || vendor.vendor_id === draft.body.vendor_id) return;
      Object.assign(draft.body, vendor, { order_placed_at: timestamp(moment.micros) });
    },
  }),
];

const unknownVendor = about('reference.unknown_vendor', 'an order');
const unknownProduct = about('reference.unknown_product', 'an order');
const REFERENCES: readonly Spec[] = [
  unknownVendor.defect('never_announced', {
    combines: true,
    edit: ({ body }, { draws }) => {
      body.vendor_id = hex64(draws, DEFECT_DRAW.vendor);
    },
  }),
  // The rules do not compare the vendor of the product.
  unknownVendor.nearMiss('of_another_product', {
    edit: ({ body }, moment, bases) => {
      Object.assign(body, bases.otherVendor(moment));
    },
  }),
  unknownProduct.defect('never_announced', {
    combines: true,
    edit: ({ body }, { draws }) => {
      body.item_sku = uuid(draws, DEFECT_DRAW.sku);
    },
  }),
  unknownProduct.nearMiss('announced', {}),
];

/** Spells the first letter of a text field as an escape. */
const escaped =
  (field: string): Edit =>
  (draft) => {
    draft.write = (json) =>
      json.replace(`"${field}":"${String(draft.body[field])[0] ?? ''}`, () => {
        const code = String(draft.body[field]).charCodeAt(0).toString(16).padStart(4, '0');
        return `"${field}":"\\u${code}`;
      });
  };
const changed =
  (field: string, change: (text: string) => string): Edit =>
  ({ body }) => {
    body[field] = change(String(body[field]));
  };
/** An order that is reported late: its names are those of then. */
const asOfThen: Edit = (draft, moment, bases) => {
  const longest = min(MS_PER_HOUR * MICROS_PER_MS, moment.micros - bases.firstMicros);
  const then = bases.order(moment, moment.micros - moment.draws.below(DEFECT_DRAW.edit, longest));
  if (then === undefined) return;
  draft.body = then.body;
  draft.occurredMicros = then.occurredMicros;
  draft.latestMicros = then.latestMicros;
};

const driftVendor = about('drift.vendor', 'an order');
const driftProduct = about('drift.product', 'an order');
const driftCustomer = about('drift.customer', 'two orders');
const DRIFTS: readonly Spec[] = [
  driftVendor.defect('name', { weight: 2, combines: true, edit: changed('vendor_name', (name) => `${name} Ltd`) }),
  driftVendor.defect('address', { edit: changed('vendor_address', (address) => `c/o ${address}`) }),
  driftVendor.defect('vertical', { edit: changed('vendor_vertical', otherVertical) }),
  driftVendor.defect('trailing_blank', { edit: changed('vendor_name', (name) => `${name} `) }),
  driftVendor.nearMiss('escaped', { spoil: escaped('vendor_name') }),
  driftVendor.nearMiss('as_of_then', { edit: asOfThen }),
  driftProduct.defect('name', { combines: true, edit: changed('item_name', (name) => `${name} (new)`) }),
  driftProduct.defect('upper_case', { edit: changed('item_name', (name) => name.toUpperCase()) }),
  driftProduct.nearMiss('escaped', { spoil: escaped('item_name') }),
  driftProduct.nearMiss('as_of_then', { edit: asOfThen }),
  driftCustomer.defect('by_a_day', {
    combines: true,
    edit: ({ body }, moment, bases) => {
      body.customer_registered_at = timestamp(bases.registeredMicros(moment) - MS_PER_DAY * MICROS_PER_MS);
    },
  }),
  driftCustomer.defect('by_a_microsecond', {
    edit: ({ body }, moment, bases) => {
      body.customer_registered_at = timestamp(bases.registeredMicros(moment) + 1);
    },
  }),
  driftCustomer.nearMiss('in_another_notation', {
    base: 'two orders of a new customer',
    edit: changed('customer_registered_at', (time) => `${time.slice(0, 19)}Z`),
  }),
];

const illegal = about('lifecycle.illegal_transition', 'two orders');
const firstOrder: Edit = ({ body }: Draft, { draws }) => {
  body.order_id = orderId(draws, 0);
};
const unknownOrder = about('lifecycle.unknown_order', 'a payment', 'an order and its payment');
const LIFECYCLES: readonly Spec[] = [
  illegal.defect('placed_again', { combines: true, edit: firstOrder }),
  illegal.defect('delivered_before_paid', { weight: 2, base: 'an order and its delivery' }),
  illegal.defect('returned_before_delivered', { base: 'an order and its return' }),
  illegal.nearMiss('cancelled_before_paid', { base: 'an order and its cancellation' }),
  unknownOrder.defect('never_placed', { combines: true }),
  unknownOrder.nearMiss('just_placed', {}),
];

export const STATE_SPECS: readonly Spec[] = [
  ...IN_FUTURE,
  ...TOO_LATE,
  ...TOO_OLD,
  ...BEFORE_REGISTRATION,
  ...DUPLICATE_EVENT,
  ...DUPLICATE_ORDER,
  ...REFERENCES,
  ...DRIFTS,
  ...LIFECYCLES,
];

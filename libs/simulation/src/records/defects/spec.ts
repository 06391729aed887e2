import { type RuleCode } from '@orderstream/contracts';
import { type Bases, eventId, type Moment, orderId } from './bases';
import { type Draft, setTime } from './draft';

/** What is sent after the event: the last draft gets the defect; the ones before it are sent as they are. */
type Make = (bases: Bases, moment: Moment) => readonly (Draft | undefined)[];

/** What a record is made of. Of several rules in one record the base with the highest rank is taken. */
const BASES = {
  'the event': { rank: 0, make: (bases, moment) => [bases.own(moment)] },
  'a search': { rank: 1, make: (bases, moment) => [bases.search(moment)] },
  'a cart': { rank: 1, make: (bases, moment) => [bases.cart(moment)] },
  'a review': { rank: 1, make: (bases, moment) => [bases.review(moment)] },
  'two searches': {
    rank: 1,
    make: (bases, moment) => {
      const again = bases.search(moment);
      again.body.event_id = eventId(moment.draws, 1);
      return [bases.search(moment), again];
    },
  },
  'an order': { rank: 2, make: (bases, moment) => [bases.order(moment)] },
  'a payment': {
    rank: 3,
    make: (bases, moment) => {
      const order = bases.order(moment);
      return [order && bases.followUp(moment, order, 'order.paid', 0)];
    },
  },
  'two orders': { rank: 4, make: (bases, moment) => [bases.order(moment), later(bases.order(moment), moment)] },
  'two orders of a new customer': {
    rank: 4,
    make: (bases, moment) => {
      const registeredMicros = (Math.floor(moment.micros / 1_000_000) - 86_400) * 1_000_000;
      return [
        bases.orderOfGuest(moment, registeredMicros),
        later(bases.orderOfGuest(moment, registeredMicros), moment),
      ];
    },
  },
  'an order of a new customer': { rank: 2, make: (bases, moment) => [bases.orderOfGuest(moment, moment.micros)] },
  'an order and its payment': { rank: 4, make: followed('order.paid') },
  'an order and its cancellation': { rank: 4, make: followed('order.cancelled') },
  'an order and its delivery': { rank: 4, make: followed('order.delivered') },
  'an order and its return': { rank: 4, make: followed('order.returned') },
} as const satisfies Record<string, { readonly rank: number; readonly make: Make }>;

export type Base = keyof typeof BASES;
export const rankOf = (base: Base): number => BASES[base].rank;
export const makeBase = (base: Base, bases: Bases, moment: Moment): readonly (Draft | undefined)[] =>
  BASES[base].make(bases, moment);

/** The same customer's order of the same product, one millisecond later. */
function later(order: Draft | undefined, { draws, micros }: Moment): Draft | undefined {
  if (order === undefined) return undefined;
  order.body.event_id = eventId(draws, 1);
  order.body.order_id = orderId(draws, 1);
  setTime(order, 'order_placed_at', micros - 1_000);
  return order;
}

function followed(type: Parameters<Bases['followUp']>[2]): Make {
  return (bases, moment) => {
    const order = bases.order(moment);
    return [order, order && bases.followUp(moment, order, type, 1)];
  };
}

export type Edit = (draft: Draft, moment: Moment, bases: Bases) => void;

/** A kind of defective record, or a near miss: a record on the other side of a rule's boundary. */
export interface Spec {
  /** Unique within the rule. */
  readonly name: string;
  /** The rule that it breaks, or just does not break. */
  readonly rule: RuleCode;
  /** The rules that fire. A defect breaks its rule only; a near miss mostly none. */
  readonly fires: readonly RuleCode[];
  readonly isNearMiss: boolean;
  readonly base: Base;
  /** Frequency relative to the others of the rule. */
  readonly weight: number;
  /** Whether it can be put into one record with other rules. Exactly one of each rule that combines at all. */
  readonly combines: boolean;
  /** Changes the body. The envelope is written after it. */
  readonly edit?: Edit;
  /** Changes the record. */
  readonly spoil?: Edit;
}

type Options = Partial<Pick<Spec, 'base' | 'weight' | 'combines' | 'edit' | 'spoil' | 'fires'>>;

/** Makers of the defects and the near misses of one rule. */
export const about = (rule: RuleCode, base: Base, nearBase: Base = base) => ({
  defect: (name: string, options: Options): Spec => ({
    name,
    rule,
    fires: [rule],
    isNearMiss: false,
    base,
    weight: 1,
    combines: false,
    ...options,
  }),
  nearMiss: (name: string, options: Options): Spec => ({
    name,
    rule,
    fires: [],
    isNearMiss: true,
    base: nearBase,
    weight: 1,
    combines: false,
    ...options,
  }),
});

/** The name of a record's defect: `<rule>/<name>`, of a near miss `near <rule>/<name>`. */
export const nameOf = ({ rule, name, isNearMiss }: Spec): string => `${isNearMiss ? 'near ' : ''}${rule}/${name}`;

import { type Product } from './catalog-entities';
import { type Customers, customerState, type CustomerState } from './customers';
import { type Journey, type Step } from './journey';
import { type Order } from './orders';

/** tick (-1: due), customer, product, quantity, sessionSeq, step, viewsLeft, seq of the order or -1, lastSeq */
export type JourneyState = readonly [number, CustomerState, number, number, number, Step, number, number, number];

export const journeyState = ([tick, journey]: readonly [number, Journey]): JourneyState => [
  tick,
  customerState(journey.customer),
  journey.product.index,
  journey.quantity,
  journey.sessionSeq,
  journey.step,
  journey.viewsLeft,
  journey.order?.seq ?? -1,
  journey.lastSeq,
];

/** The journey with its tick. Marks its product as in use. */
export function restoreJourney(
  state: JourneyState,
  customers: Customers,
  products: ReadonlyMap<number, Product>,
  orders: ReadonlyMap<number, Order>,
): readonly [number, Journey] {
  const [tick, customer, productIndex, quantity, sessionSeq, step, viewsLeft, orderSeq, lastSeq] = state;
  const product = products.get(productIndex);
  if (product === undefined) throw new RangeError(`a journey refers to unknown product ${productIndex.toString()}`);
  product.inUse++;
  const order = orders.get(orderSeq);
  const journey: Journey = {
    customer: customers.make(customer),
    product,
    quantity,
    sessionSeq,
    step,
    viewsLeft,
    lastSeq,
    ...(order && { order }),
  };
  return [tick, journey];
}

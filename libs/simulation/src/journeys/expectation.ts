import { DEVICES, VERTICALS } from '@orderstream/contracts';
import { type Scenario } from '../scenario/schema';

/** Most product views of an ordinary session. */
export const MAX_VIEWS = 40;
const HIGHEST_CHANCE = 0.95;

/** The chance of an item in the cart, by vertical and device. */
export const cartChance = (scenario: Scenario, vertical: number, device: number, factor = 1): number =>
  Math.min(
    HIGHEST_CHANCE,
    factor *
      scenario.funnel.cart *
      scenario.verticals[VERTICALS[vertical] as (typeof VERTICALS)[number]].conversion *
      scenario.deviceConversion[DEVICES[device] as (typeof DEVICES)[number]],
  );

/** The continuation probability of the geometric number of views, whose mean without the limit is `meanViews`. */
export const moreViews = ({ funnel }: Scenario): number => 1 - 1 / funnel.meanViews;

/** Expected numbers of one session, without the effects of the scenario. Exact, but for the share of returns. */
export interface SessionExpectation {
  readonly events: number;
  readonly orders: number;
}

export function sessionExpectation(scenario: Scenario): SessionExpectation {
  const { funnel, orders, arrivals } = scenario;
  if (arrivals.process === 'regular') return { events: 1, orders: 1 };
  const more = moreViews(scenario);
  // The mean of a geometric number that is cut off.
  const views = more === 0 ? 1 : (1 - more ** MAX_VIEWS) / (1 - more);
  let carts = 0;
  let returns = 0;
  VERTICALS.forEach((vertical, v) => {
    DEVICES.forEach((device, d) => {
      const share = scenario.interest[vertical] * scenario.devices[device] * cartChance(scenario, v, d);
      carts += share;
      returns += share * scenario.verticals[vertical].returned;
    });
  });
  const visits = 1 - funnel.bounce;
  const retained = 1 - funnel.remove;
  const checkouts = visits * carts * retained * funnel.checkout;
  const placed = checkouts * funnel.order;
  const paid = placed * (1 - orders.unpaid);
  const delivered = paid * (1 - orders.unshipped);
  const cancelled = placed - delivered;
  const rated = delivered * orders.rated;
  const returned = carts === 0 ? 0 : (delivered * returns) / carts;
  const events =
    1 +
    visits * (funnel.search + views + carts * (1 + funnel.remove)) +
    checkouts +
    placed +
    paid +
    cancelled +
    2 * delivered +
    rated * (1 + orders.reviewed) +
    returned;
  return { events, orders: placed };
}

import { type Scenario } from './scenario';

/** Slow growth of catalog and customers; most visits end in an order, most orders are delivered. */
export const STEADY_TRADE: Scenario = {
  name: 'steady-trade',
  opening: { vendors: 20, products: 100, customers: 60 },
  limits: { vendors: 500, products: 5_000, customers: 20_000 },
  share: { catalog: 0.03, customers: 0.04 },
  registrations: 0.75,
  catalog: { onboard: 12, updateVendor: 13, list: 27, changePrice: 25, rename: 13, delist: 10 },
  browsing: {
    straightToCheckout: 0.35,
    search: 0.5,
    maxViews: 3,
    leaveAfterViews: 0.12,
    removeFromCart: 0.1,
    abandonCheckout: 0.1,
  },
  fulfilment: { cancelUnpaid: 0.06, cancelPaid: 0.04, rate: 0.6, returned: 0.07, review: 0.25 },
  delays: { browse: [5, 60], pay: [20, 150], ship: [100, 500], deliver: [200, 800], afterwards: [50, 400] },
};

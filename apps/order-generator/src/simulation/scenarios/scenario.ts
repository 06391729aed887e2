/**
 * Behaviour of vendors and customers: probabilities, and delays in ticks. A tick is one event of the sequence, so a short
 * run shows complete orders at any rate. The marketplace stays consistent with any values. Changing a value changes the
 * content of every sequence of the scenario.
 */
export interface Scenario {
  readonly name: string;
  /** The first events grow catalog and customers to these numbers. */
  readonly opening: { readonly vendors: number; readonly products: number; readonly customers: number };
  /** Numbers that they never exceed. */
  readonly limits: { readonly vendors: number; readonly products: number; readonly customers: number };
  /** Share of all events. */
  readonly share: { readonly catalog: number; readonly customers: number };
  /** Share of customer events that are registrations. */
  readonly registrations: number;
  /** Weights of catalog events. */
  readonly catalog: {
    readonly onboard: number;
    readonly updateVendor: number;
    readonly list: number;
    readonly changePrice: number;
    readonly rename: number;
    readonly delist: number;
  };
  readonly browsing: {
    /** Share of journeys that begin at the checkout. */
    readonly straightToCheckout: number;
    readonly search: number;
    readonly maxViews: number;
    readonly leaveAfterViews: number;
    readonly removeFromCart: number;
    readonly abandonCheckout: number;
  };
  readonly fulfilment: {
    readonly cancelUnpaid: number;
    readonly cancelPaid: number;
    readonly rate: number;
    readonly returned: number;
    readonly review: number;
  };
  /** Minimum and maximum ticks between two steps. */
  readonly delays: {
    readonly browse: readonly [number, number];
    readonly pay: readonly [number, number];
    readonly ship: readonly [number, number];
    readonly deliver: readonly [number, number];
    readonly afterwards: readonly [number, number];
  };
}

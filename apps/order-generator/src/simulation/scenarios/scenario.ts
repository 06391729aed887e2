/**
 * How the people of the marketplace behave: probabilities, and delays in ticks (a tick is one event of the sequence, so
 * that a short run shows whole lives at any rate). A scenario is data; the marketplace keeps its own consistency
 * whatever a scenario says. Changing one's figures changes the content of every sequence that is told by it.
 */
export interface Scenario {
  readonly name: string;
  /** Before anything else the catalog and the customers grow to this. */
  readonly opening: { readonly vendors: number; readonly products: number; readonly customers: number };
  /** What they never exceed. */
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
    /** Journeys that go straight to the checkout. */
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
  /** Least and most ticks between one step and the next. */
  readonly delays: {
    readonly browse: readonly [number, number];
    readonly pay: readonly [number, number];
    readonly ship: readonly [number, number];
    readonly deliver: readonly [number, number];
    readonly afterwards: readonly [number, number];
  };
}

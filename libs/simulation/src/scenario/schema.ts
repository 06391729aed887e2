import { CHANNELS, DEVICES, PAYMENT_METHODS, type RuleCode, VERTICALS } from '@orderstream/contracts';
import { z } from 'zod';
import { conflictOf, INJECTED_RULES } from '../records/combinations';
import { COUNTRIES } from '../words/countries';

const SUM_TOLERANCE = 1e-6;

const share = () => z.number().min(0).max(1);
const positive = (max: number) => z.number().gt(0).max(max);
const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

/** Shares of these keys that add up to 1. A key that is left out has the share 0. */
function shares<const K extends string>(keys: readonly [K, ...K[]], defaults: Readonly<Partial<Record<K, number>>>) {
  const fields = Object.fromEntries(keys.map((key) => [key, share().default(0)])) as Record<
    K,
    z.ZodDefault<z.ZodNumber>
  >;
  return z
    .strictObject(fields)
    .superRefine((values, context) => {
      const sum = Object.values<number>(values as Record<string, number>).reduce((total, value) => total + value, 0);
      if (Math.abs(sum - 1) <= SUM_TOLERANCE) return;
      context.addIssue({
        code: 'custom',
        message: `expected shares that add up to 1, found ${String(Number(sum.toFixed(6)))}`,
      });
    })
    .prefault(defaults as never) as unknown as z.ZodType<Readonly<Record<K, number>>>;
}

const date = () =>
  z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/)
    .refine((text) => !Number.isNaN(Date.parse(text)), {
      error: ({ input }) => `expected a date such as 2026-01-31, found ${String(input)}`,
    });

/** A duration that varies from case to case by a log-normal distribution. */
const delay = (median: number, sigma: number, max: number) =>
  z
    .strictObject({
      median: positive(max).default(median).describe('Half of the delays are shorter.'),
      sigma: z.number().min(0).max(2).default(sigma).describe('Standard deviation of the logarithm.'),
    })
    .prefault({});

const vertical = (median: number, sigma: number, quantity: number, conversion: number, returned: number) =>
  z
    .strictObject({
      medianPrice: positive(100_000).default(median).describe('Median price of its products.'),
      priceSigma: z
        .number()
        .min(0)
        .max(2)
        .default(sigma)
        .describe('Standard deviation of the logarithm of its prices.'),
      meanQuantity: z.number().min(1).max(50).default(quantity).describe('Mean quantity of an order.'),
      conversion: positive(5).default(conversion).describe('Factor on `funnel.cart`.'),
      returned: share()
        .default(returned)
        .describe('Share of delivered orders with an average rating that are returned.'),
    })
    .prefault({});

/** Recurring times: `durationMinutes` long, every `everyMinutes`, from `offsetMinutes` after midnight UTC of 1970-01-01. */
const when = {
  everyMinutes: positive(525_600).describe('Time from one beginning to the next.'),
  offsetMinutes: z
    .number()
    .min(0)
    .max(525_600)
    .default(0)
    .describe('Beginning of the first one after 1970-01-01T00:00Z.'),
  durationMinutes: positive(525_600).describe('How long each one lasts.'),
  from: date().optional().describe('First day on which it happens.'),
  to: date().optional().describe('Day before which it ends.'),
};

const effect = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('flash-sale'),
      ...when,
      visits: positive(100).default(3).describe('Factor on the number of sessions.'),
      conversion: positive(5).default(1.5).describe('Factor on `funnel.cart`.'),
      discount: share().default(0.3).describe('Reduction of the prices in `verticals`.'),
      verticals: z.array(z.enum(VERTICALS)).min(1).default(['Electronics', 'Fashion']).describe('What is on sale.'),
    }),
    z.strictObject({
      kind: z.literal('vendor-outage'),
      ...when,
      vendors: share().default(0.2).describe('Share of the vendors that neither sell nor ship.'),
    }),
    z.strictObject({
      kind: z.literal('bot-burst'),
      ...when,
      visits: positive(100).default(3).describe('Bot sessions per ordinary session.'),
      views: wholeNumber(1, 60).default(30).describe('Product pages that a bot opens.'),
      accounts: wholeNumber(1, 1_000).default(20).describe('Accounts that bots use.'),
    }),
  ])
  .superRefine((value, context) => {
    if (value.durationMinutes > value.everyMinutes) {
      context.addIssue({
        code: 'custom',
        path: ['durationMinutes'],
        message: `expected at most everyMinutes (${String(value.everyMinutes)}), found ${String(value.durationMinutes)}`,
      });
    }
    checkOrder(value.from, value.to, 'to', 'from', context);
  });

function checkOrder(
  from: string | undefined,
  to: string | undefined,
  path: string,
  fromName: string,
  context: z.RefinementCtx,
): void {
  if (from === undefined || to === undefined || from < to) return;
  context.addIssue({
    code: 'custom',
    path: [path],
    message: `expected a date after ${fromName} (${from}), found ${to}`,
  });
}

const population = z
  .strictObject({
    openedAt: date().default('2021-01-01').describe('Day on which the marketplace opened.'),
    sizeAt: date().default('2026-01-01').describe('Day on which it has the sizes below. It grows on after it.'),
    vendors: wholeNumber(8, 20_000).default(40).describe('Vendors at `sizeAt`.'),
    products: wholeNumber(16, 200_000).default(400).describe('Products at `sizeAt`.'),
    customers: wholeNumber(200, 1_000_000).default(500_000).describe('Customers at `sizeAt`.'),
    growth: z
      .number()
      .min(0.2)
      .max(4)
      .default(1.5)
      .describe('Exponent of the growth curve of the customers: 1 is linear, above 1 accelerates.'),
  })
  .superRefine(({ openedAt, sizeAt }, context) => {
    checkOrder(openedAt, sizeAt, 'sizeAt', 'openedAt', context);
  })
  .prefault({});

const history = z
  .strictObject({
    from: date().default('2023-01-01').describe('First day of the history that the batch loads.'),
    to: date().default('2026-01-01').describe('Day before which the history ends.'),
    orders: wholeNumber(1, 100_000_000).default(250_000).describe('Expected number of orders in the history.'),
  })
  .superRefine(({ from, to }, context) => {
    checkOrder(from, to, 'to', 'from', context);
  })
  .prefault({});

const injectedRule = () => z.enum(INJECTED_RULES as [RuleCode, ...RuleCode[]]);

const defects = z
  .strictObject({
    rate: share()
      .default(0.02)
      .describe(
        'Share of the events that are followed by a defective record: evenly of all rules that `rules` does not name.',
      ),
    rules: z
      .partialRecord(injectedRule(), share())
      .default({})
      .describe('By rule code, the share of the events that are followed by a record that breaks this rule.'),
    combinations: z
      .array(
        z
          .strictObject({ rules: z.array(injectedRule()).min(2).max(6), rate: share() })
          .superRefine(({ rules }, context) => {
            const conflict = conflictOf(rules);
            if (conflict === undefined) return;
            const message = `expected rules that one record can break together, found ${conflict.join(' and ')}`;
            context.addIssue({ code: 'custom', path: ['rules'], message });
          }),
      )
      .max(50)
      .default([])
      .describe('Records that break several `rules` at once, each with the share of the events that they follow.'),
    nearMisses: share()
      .optional()
      .describe(
        'Share of the events that are followed by a record that just does not break a rule, evenly of all rules. Left out: a quarter of that of the defects.',
      ),
  })
  .superRefine(({ rate, rules, combinations, nearMisses }, context) => {
    const rates = [rate, nearMisses ?? 0, ...Object.values(rules), ...combinations.map((each) => each.rate)];
    const sum = rates.reduce((total, value) => total + value, 0);
    if (sum <= 1) return;
    context.addIssue({
      code: 'custom',
      message: `expected shares of at most 1 in all, found ${String(Number(sum.toFixed(6)))}`,
    });
  })
  .prefault({})
  .describe('Additional records that are defective. The events of the simulation itself have no defects.');

/** A scenario file. Every key but `name` and `description` has a default, so a file says what differs. */
export const scenarioSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected lower-case letters, digits and -, starting with a letter, 40 at most')
      .describe('Name of the scenario. Equals the name of the file.'),
    description: z.string().min(1).max(400).describe('What happens in it, in one or two sentences.'),
    population,
    history,
    countries: shares(COUNTRIES, {
      DE: 0.3, AT: 0.05, CH: 0.05, FR: 0.13, NL: 0.07, PL: 0.08, ES: 0.08, IT: 0.08, SE: 0.04, GB: 0.08, US: 0.04,
    }).describe('Where customers and vendors live.'), // prettier-ignore
    interest: shares(VERTICALS, {
      Electronics: 0.2, Books: 0.14, Fashion: 0.24, 'House and garden': 0.14, Sports: 0.1, 'Auto-moto': 0.06, 'Health and beauty': 0.12,
    }).describe('Share of the sessions, and of the vendors, by vertical.'), // prettier-ignore
    verticals: z
      .strictObject({
        Electronics: vertical(120, 0.9, 1.15, 0.8, 0.07),
        Books: vertical(15, 0.45, 1.6, 1.3, 0.02),
        Fashion: vertical(45, 0.7, 1.5, 1, 0.22),
        'House and garden': vertical(55, 0.85, 1.4, 0.9, 0.06),
        Sports: vertical(60, 0.75, 1.25, 1, 0.09),
        'Auto-moto': vertical(48, 0.8, 1.7, 0.9, 0.05),
        'Health and beauty': vertical(18, 0.55, 2.1, 1.4, 0.03),
      })
      .prefault({})
      .describe('Prices and habits of each line of goods.'),
    values: z
      .enum(['realistic', 'uniform'])
      .default('realistic')
      .describe(
        '`realistic`: prices and quantities by vertical, ratings by vendor and delivery. `uniform`: prices from 10.00 to 1000.00, quantities from 1 to 10, ratings from 1 to 5, all equally likely.',
      ),
    popularity: z
      .number()
      .min(0)
      .max(2)
      .default(0.9)
      .describe('Exponent of the Zipf law by which products of a vertical are chosen: 0 makes all equally popular.'),
    devices: shares(DEVICES, { desktop: 0.34, mobile: 0.42, tablet: 0.06, app: 0.18 }).describe(
      'Share of the sessions by device.',
    ),
    deviceConversion: z
      .strictObject({
        desktop: positive(5).default(1.3),
        mobile: positive(5).default(0.7),
        tablet: positive(5).default(1),
        app: positive(5).default(1.15),
      })
      .prefault({})
      .describe('Factors on `funnel.cart`.'),
    channels: shares(CHANNELS, { direct: 0.3, search: 0.34, email: 0.1, social: 0.12, advertisement: 0.14 }).describe(
      'Share of the sessions by channel.',
    ),
    payments: shares(PAYMENT_METHODS, {
      card: 0.46, wallet: 0.3, bank_transfer: 0.14, cash_on_delivery: 0.06, gift_card: 0.04,
    }).describe('Share of the paid orders by payment method.'), // prettier-ignore
    arrivals: z
      .strictObject({
        process: z
          .enum(['poisson', 'regular'])
          .default('poisson')
          .describe(
            '`poisson`: sessions at random. `regular`: gaps from 1/3 to 5/3 of their mean, and each session is one order.',
          ),
        rhythm: z
          .enum(['flat', 'daily'])
          .default('flat')
          .describe('`daily`: the rate follows the local hour and weekday of each country. `flat`: it is constant.'),
        season: z
          .number()
          .min(0)
          .max(0.9)
          .default(0)
          .describe('By how much the rate exceeds its mean in late November, and falls below it in late May.'),
        maxOrders: wholeNumber(0, 1_000_000_000).default(0).describe('Orders after which the events end. 0: no end.'),
      })
      .prefault({})
      .describe('When sessions start.'),
    funnel: z
      .strictObject({
        bounce: share().default(0.25).describe('Share of the sessions without a product view.'),
        search: share().default(0.45).describe('Share of the other sessions that begin with a search.'),
        meanViews: z.number().min(1).max(15).default(5).describe('Mean number of product views of such a session.'),
        cart: share().default(0.12).describe('Share of such sessions that put an item into the cart.'),
        remove: share().default(0.12).describe('Share of carts from which the item is removed again.'),
        checkout: share().default(0.62).describe('Share of the remaining carts that reach the checkout.'),
        order: share().default(0.68).describe('Share of checkouts that become an order.'),
        thinkSeconds: delay(6, 0.8, 120).describe('Time between two steps of a session, seconds.'),
      })
      .prefault({})
      .describe('What happens in a session. 2 to 4 % of all sessions order with the defaults.'),
    orders: z
      .strictObject({
        unpaid: share().default(0.05).describe('Share of the orders that are cancelled before they are paid.'),
        unshipped: share()
          .default(0.03)
          .describe('Share of the paid orders that are cancelled before they are shipped.'),
        rated: share().default(0.6).describe('Share of the delivered orders that are rated.'),
        reviewed: share().default(0.35).describe('Share of the rated orders with a review.'),
        payMinutes: delay(2, 1.2, 10_000).describe('From order to payment, minutes.'),
        shipHours: delay(18, 0.7, 1_000).describe('From payment to shipping, hours.'),
        deliverHours: delay(44, 0.5, 1_000).describe('From shipping to delivery, hours.'),
        rateHours: delay(30, 0.9, 1_000).describe('From delivery to rating, hours.'),
        returnHours: delay(96, 0.6, 1_000).describe('From delivery or rating to the return, hours.'),
        promisedHours: positive(1_000)
          .default(96)
          .describe('An order that is delivered later than this is late, which lowers its rating.'),
      })
      .prefault({})
      .describe('What happens after an order was placed.'),
    lifecycleSpeed: z
      .number()
      .min(0.1)
      .max(100_000)
      .default(1)
      .describe('Divides the delays of `orders`: at 2000 an order is delivered two minutes after it was placed.'),
    loyalty: z
      .strictObject({
        skew: z
          .number()
          .min(0)
          .max(6)
          .default(2.5)
          .describe('0: all customers are equally active. Above: few are very active.'),
        meanLifetimeDays: positive(10_000).default(300).describe('Mean time after which a customer hardly comes back.'),
        dormant: share().default(0.05).describe('Activity of such a customer, as a factor.'),
      })
      .prefault({})
      .describe('How active customers are.'),
    catalog: z
      .strictObject({
        productChangeHours: z
          .number()
          .min(0.001)
          .max(10_000)
          .default(6)
          .describe('Time from one change of a product to its next.'),
        promotions: share().default(0.2).describe('Share of the price changes that begin a promotion of 10 to 40 %.'),
        renameEvery: wholeNumber(2, 10_000).default(400).describe('Each change of this number renames the product.'),
        productLifetimeDays: positive(100_000).default(900).describe('Mean time until a product is delisted.'),
        vendorChangeDays: z
          .number()
          .min(0.001)
          .max(10_000)
          .default(30)
          .describe('Time from one change of a vendor to its next.'),
        lateSeconds: z
          .number()
          .min(0)
          .max(86_400)
          .default(0)
          .describe('How much later than they occur catalog changes are emitted.'),
      })
      .prefault({})
      .describe('How the catalog changes.'),
    customerChangeDays: z
      .number()
      .min(0.01)
      .max(10_000)
      .default(180)
      .describe('Time from one change of a customer to the next.'),
    late: z
      .strictObject({
        share: share().default(0).describe('Share of the sessions on `mobile` and `app` that are late.'),
        hours: delay(3, 0.8, 48).describe('By how much they are late, hours. At most 48.'),
      })
      .prefault({})
      .describe('Sessions whose events, and those of their orders, are emitted later than they occur.'),
    producers: wholeNumber(1, 64).default(1).describe('Number of producers, each with a `ce_source` of its own.'),
    rollout: z
      .strictObject({
        from: date().describe('Day on which the first producer has the new columns.'),
        hours: positive(10_000).default(24).describe('Time until all producers have them.'),
      })
      .optional()
      .describe(
        'The nullable columns `delivery_attempt`, `tracking_id` and `visit_country` appear at one producer after the other. Left out: all have them.',
      ),
    compression: z
      .strictObject({
        gzip: share().default(0).describe('Share of the batches that are compressed with gzip.'),
        zstd: share().default(0).describe('Share of the batches that are compressed with zstd.'),
      })
      .superRefine(({ gzip, zstd }, context) => {
        if (gzip + zstd <= 1) return;
        const found = String(Number((gzip + zstd).toFixed(6)));
        context.addIssue({ code: 'custom', message: `expected shares of at most 1 in all, found ${found}` });
      })
      .prefault({})
      .describe('How producers compress what they send. It changes no event.'),
    defects,
    effects: z.array(effect).max(20).default([]).describe('What disturbs the marketplace at recurring times.'),
  })
  .superRefine(({ population: { openedAt }, history: { from } }, context) => {
    if (from >= openedAt || Number.isNaN(Date.parse(openedAt))) return;
    context.addIssue({
      code: 'custom',
      path: ['history', 'from'],
      message: `expected a date not before population.openedAt (${openedAt}), found ${from}`,
    });
  });

/** A scenario with all its values. */
export type Scenario = z.infer<typeof scenarioSchema>;
export type Effect = Scenario['effects'][number];
export type Delay = Scenario['funnel']['thinkSeconds'];

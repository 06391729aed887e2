/** The four families of events. Each has its own topics, validator group, state and table. */
export const FAMILIES = ['orders', 'interactions', 'catalog', 'customers'] as const;
export type Family = (typeof FAMILIES)[number];

/** BigQuery table of a family's validated events. */
export const FAMILY_TABLES = {
  orders: 'order_events',
  interactions: 'interaction_events',
  catalog: 'catalog_events',
  customers: 'customer_events',
} as const satisfies Record<Family, string>;

import { Catalog } from '@orderstream/quality';
import { History } from '@orderstream/simulation';
import { type Database } from '../duckdb/database';
import { historyOf, type ScenarioLoader } from '../orders/simulated-history';
import { type StreamedDays } from '../orders/streamed-days';
import { type RunPlan } from '../runs/run';

/** More than any catalog of the simulation. */
const LIMITS = { maxEntities: 2_000_000, maxVersions: 512 };

/**
 * The catalog that the orders are compared with: that of the simulation, or, for a file, each vendor and product as its
 * first row has it.
 *
 * @param streamed the marketplaces of the stream's orders: a scenario may have more vendors and products than that of the
 * history
 */
export async function catalogOf(
  { source, range }: RunPlan,
  database: Database,
  load: ScenarioLoader,
  streamed: StreamedDays['marketplaces'],
): Promise<Catalog> {
  const catalog = new Catalog(LIMITS);
  if (source.kind === 'simulation') {
    const ofStream = streamed.map(({ seed, scenario }) => new History(seed, scenario, range));
    for (const history of [historyOf(source, range, load), ...ofStream]) {
      for (const body of history.catalog(Date.parse(range.from), Date.parse(range.to))) catalog.apply(body);
    }
    return catalog;
  }
  const occurred_at = `${range.from}T00:00:00Z`;
  const vendors = database.chunks(`
    select vendor_id, arg_min(vendor_name, row_number), arg_min(vendor_address, row_number),
      arg_min(vendor_vertical, row_number)
    from orders where vendor_name is not null and vendor_address is not null and vendor_vertical is not null
    group by vendor_id having vendor_id is not null`);
  for await (const [ids = [], names = [], addresses = [], verticals = []] of vendors) {
    for (const [index, vendor_id] of ids.entries()) {
      const state = { vendor_name: names[index], vendor_address: addresses[index], vendor_vertical: verticals[index] };
      catalog.apply({ event_type: 'vendor.onboarded', occurred_at, vendor_id, ...state });
    }
  }
  const products = database.chunks(`
    select item_sku, arg_min(item_name, row_number) from orders where item_name is not null
    group by item_sku having item_sku is not null`);
  for await (const [ids = [], names = []] of products) {
    for (const [index, item_sku] of ids.entries()) {
      catalog.apply({ event_type: 'product.listed', occurred_at, item_sku, item_name: names[index] });
    }
  }
  return catalog;
}

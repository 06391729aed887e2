import { Catalog } from '@orderstream/quality';
import { History } from '@orderstream/simulation';
import { type Database } from '../duckdb/database';
import { historyOf, type ScenarioLoader } from '../orders/simulated-history';
import { type StreamedDays } from '../orders/streamed-days';
import { type DayRange, type RunPlan } from '../runs/run';

/** More than any catalog of the simulation. */
const LIMITS = { maxEntities: 2_000_000, maxVersions: 512 };

/** The catalog that the orders up to a number (exclusive) are compared with, from the one before on. */
export interface CatalogOfRows {
  readonly until: number;
  readonly catalog: Catalog;
}

/**
 * The catalogs that the orders are compared with, in their order. Of the simulation: one for each segment of the stream, as
 * scenarios have different vendors and products, and that of the history behind them. Of a file: each vendor and product as
 * its first row has it.
 */
export async function catalogsOf(
  { source, range }: RunPlan,
  database: Database,
  load: ScenarioLoader,
  streamed: StreamedDays['segments'],
): Promise<readonly CatalogOfRows[]> {
  if (source.kind === 'file') return [{ until: Infinity, catalog: await catalogOfFile(range, database) }];
  const known = new Map<string, Catalog>();
  const catalogs: CatalogOfRows[] = [];
  let until = 0;
  for (const { seed, scenario, orders } of streamed) {
    until += orders;
    const key = JSON.stringify({ seed, scenario });
    const catalog = known.get(key) ?? simulatedCatalog(new History(seed, scenario, range), range);
    known.set(key, catalog);
    catalogs.push({ until, catalog });
  }
  return [...catalogs, { until: Infinity, catalog: simulatedCatalog(historyOf(source, range, load), range) }];
}

function simulatedCatalog(history: History, { from, to }: DayRange): Catalog {
  const catalog = new Catalog(LIMITS);
  for (const body of history.catalog(Date.parse(from), Date.parse(to))) catalog.apply(body);
  return catalog;
}

async function catalogOfFile(range: DayRange, database: Database): Promise<Catalog> {
  const catalog = new Catalog(LIMITS);
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

import { bigQuerySchema } from './bigquery-schema';
import { renderEventsDoc } from './events-doc';
import { type TableSpec, TABLES } from './tables';

const renderSchema = (spec: TableSpec): string => `${JSON.stringify(bigQuerySchema(spec), null, 2)}\n`;

/** Every file that is generated from the contracts: content by path from the root of the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/events.md', renderEventsDoc()],
    ...Object.values(TABLES).map((spec): [string, string] => [
      `libs/contracts/generated/${spec.table}.schema.json`,
      renderSchema(spec),
    ]),
  ]);
}

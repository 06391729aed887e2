import { asyncApi } from './asyncapi';
import { avroSchema } from './avro-schema';
import { bigQuerySchema } from './bigquery-schema';
import { EVENT_CONTRACTS } from './event-contracts';
import { renderEventsDoc } from './events-doc';
import { jsonSchema, renderJson, versionedName } from './json-schema';
import { TABLES } from './tables';

const contracts = [...EVENT_CONTRACTS.values()];

/** Every file that is generated from the contracts: content by path from the root of the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/events.md', renderEventsDoc()],
    ['docs/contracts/asyncapi.json', renderJson(asyncApi())],
    ...contracts.flatMap((contract): [string, string][] => [
      [`docs/contracts/json-schema/${versionedName(contract)}.json`, renderJson(jsonSchema(contract))],
      [`docs/contracts/avro/${versionedName(contract)}.avsc`, renderJson(avroSchema(contract))],
    ]),
    ...Object.values(TABLES).map((spec): [string, string] => [
      `libs/contracts/generated/${spec.table}.schema.json`,
      renderJson(bigQuerySchema(spec)),
    ]),
  ]);
}

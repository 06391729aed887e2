import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderConfigurationDoc, renderEnvExample, type ServiceSpecs } from '@orderstream/config';
import { ContractChangeError, EVENT_CONTRACTS, generatedFiles, renderRelease } from '@orderstream/contracts';
import { reasonTexts } from '@orderstream/dead-letters';
import { partitionFor } from '@orderstream/kafka';
import { renderQualityDoc } from '@orderstream/quality';
import { renderScenariosDoc } from '@orderstream/simulation';
import { batchLoaderSettings } from '../../apps/batch-loader/src/batch-loader.config';
import { bqSinkSettings } from '../../apps/bq-sink/src/bq-sink.config';
import { consoleSettings } from '../../apps/console/src/console.config';
import { orderGeneratorSettings } from '../../apps/order-generator/src/order-generator.config';
import { pubsubBridgeSettings } from '../../apps/pubsub-bridge/src/pubsub-bridge.config';
import { validatorSettings } from '../../apps/validator/src/validator.config';
import { repositoryRoot } from '../../dev/src';
import { renderCtlDoc } from './ctl/reference';
import { grafanaFiles } from './observability/grafana-files';
import { renderCostDoc } from './warehouse/cost-doc';
import { dbtFiles } from './warehouse/dbt-files';

const SERVICES: ServiceSpecs = {
  'order-generator': orderGeneratorSettings,
  validator: validatorSettings,
  'bq-sink': bqSinkSettings,
  'pubsub-bridge': pubsubBridgeSettings,
  console: consoleSettings,
  'batch-loader': batchLoaderSettings,
};

/** What others rely on in version 1 of the events. It only grows. */
const RELEASE = 'libs/contracts/releases/v1.json';

const USAGE = `Generates files from the code: schemas, contracts, .env.example, and in docs: events.md, quality.md,
scenarios.md, configuration.md, ctl.md; the dashboards of Grafana;
sources and staging of dbt.
  npm run generate             writes the files
  npm run generate -- --check  lists the files that differ from the code, and exits with 1 if there are any
`;

const SCENARIOS = 'libs/simulation/scenarios';

/** The text of each scenario file, by its name. */
function scenarioFiles(): ReadonlyMap<string, string> {
  const folder = join(repositoryRoot(), SCENARIOS);
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

/**
 * The content of every generated file, by its path in the repository.
 * @throws ContractChangeError if the contracts break the released version
 */
async function renderFiles(root: string): Promise<ReadonlyMap<string, string>> {
  return new Map([
    [RELEASE, renderRelease(RELEASE, readIfExists(join(root, RELEASE)), EVENT_CONTRACTS.values())],
    ...generatedFiles(),
    ...grafanaFiles(),
    ...dbtFiles(),
    ['docs/quality.md', await renderQualityDoc({ partitionOf: partitionFor, deadLetterHeaders: reasonTexts })],
    ['docs/configuration.md', renderConfigurationDoc(SERVICES)],
    ['docs/warehouse-cost.md', renderCostDoc()],
    ['docs/scenarios.md', renderScenariosDoc(scenarioFiles())],
    ['docs/ctl.md', renderCtlDoc()],
    ['.env.example', renderEnvExample(SERVICES)],
  ]);
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @returns the exit code: 0 written or no difference, 1 a difference or an incompatible contract, 2 wrong usage */
async function generate(args: readonly string[]): Promise<number> {
  const check = args[0] === '--check';
  if (args.length > (check ? 1 : 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const root = repositoryRoot();
  let files: ReadonlyMap<string, string>;
  try {
    files = await renderFiles(root);
  } catch (error) {
    if (!(error instanceof ContractChangeError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const stale = [...files].filter(([path, content]) => readIfExists(join(root, path)) !== content);
  for (const [path, content] of stale) {
    if (check) {
      process.stderr.write(`${path} differs from the code: run npm run generate\n`);
      continue;
    }
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    process.stdout.write(`wrote ${path}\n`);
  }
  return check && stale.length > 0 ? 1 : 0;
}

void generate(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});

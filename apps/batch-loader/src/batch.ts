import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';
import { type Logger } from '@orderstream/observability';
import { type QualitySettings, qualitySettings } from '@orderstream/quality';
import { type BatchLoaderSettings } from './batch-loader.config';
import { ExportToGbq } from './blocks/export-to-gbq';
import { GenerateData } from './blocks/generate-data';
import { QualityChecks } from './blocks/quality-checks';
import { ReadFile } from './blocks/read-file';
import { loadScenario } from './orders/scenario-loader';
import { type ScenarioLoader } from './orders/simulated-history';
import { RangeLock } from './runs/range-lock';
import { type RunPlan } from './runs/run';
import { Runner, type RunObserver } from './runs/runner';
import { RunStore } from './runs/run-store';
import { type ObjectStore } from './store/object-store';
import { openStore } from './store/open-store';
import { Warehouse } from './warehouse/warehouse';

const CANCEL_CHECK_MS = 1_000;
/** No row is too old for a batch. */
const ANY_AGE_MS = Number.MAX_SAFE_INTEGER;

/** The rules of a batch: those of the stream without what depends on when a record arrives. */
export const batchRules = (actions: RunPlan['actions'] = {}): QualitySettings =>
  qualitySettings({
    actions: {
      'time.too_late': 'off',
      'duplicate.event': 'reject',
      ...Object.fromEntries(Object.entries(actions).filter(([, action]) => action !== undefined)),
    },
    maxAgeMs: ANY_AGE_MS,
  });

/** What runs are made of. */
export interface Batch {
  readonly store: ObjectStore;
  readonly runs: RunStore;
  readonly runner: Runner;
  readonly warehouse: Warehouse;
  readonly lock: RangeLock;
  /** @throws BatchInputError */
  readonly loadScenario: ScenarioLoader;
}

/** Composes what runs need. Opens nothing. */
export function createBatch(
  { batch, bigquery }: Pick<BatchLoaderSettings, 'batch' | 'bigquery'>,
  logger: Pick<Logger, 'info' | 'warn' | 'error'>,
  observer?: RunObserver,
): Batch {
  const store = openStore(batch.store, batch.googleEndpoint);
  const runs = new RunStore(store);
  const warehouse = new Warehouse(createBigQuery(bigquery), bigquery.dataset, bigquery.location);
  const scenarioOf: ScenarioLoader = (name) => loadScenario(name, batch.scenarioDir);
  const lock = new RangeLock(store, batch.leaseSeconds * 1_000);
  const { memoryMb, bucketRows } = batch;
  const runner = new Runner({
    runs,
    warehouse,
    lock,
    blocks: [
      new GenerateData(memoryMb, scenarioOf, batch.journal),
      new ReadFile(memoryMb, batch.googleEndpoint),
      new QualityChecks(
        { memoryMb, bucketRows, settings: batchRules, thresholds: batch.maxRejectedShare },
        scenarioOf,
        warehouse,
      ),
      new ExportToGbq(warehouse),
    ],
    scratch: join(batch.scratch),
    retries: batch.retries,
    retryPauseMs: batch.retryPauseMs,
    cancelCheckMs: CANCEL_CHECK_MS,
    logger,
    ...(observer !== undefined && { observer }),
  });
  return { store, runs, runner, warehouse, lock, loadScenario: scenarioOf };
}

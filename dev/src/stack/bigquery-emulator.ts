import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ComponentEnv } from '../process/component-env';
import { type Component } from './component';
import { answersOk } from './http-probe';

export interface BigQueryEmulatorOptions {
  readonly python: string;
  readonly repository: string;
  readonly data: string;
  readonly project: string;
  readonly apiPort: number;
  readonly grpcPort: number;
  readonly env: ComponentEnv;
}

/** A query over all rows of a large table holds up other requests. */
const SILENT_FOR_MS = 120_000;
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * local-bigquery, started by our launcher. Acknowledged rows survive a kill. Write streams do not survive a restart.
 */
export function bigqueryEmulator(options: BigQueryEmulatorOptions): Component {
  const { python, repository, data, project, apiPort, grpcPort, env } = options;
  const datasets = `http://127.0.0.1:${String(apiPort)}/bigquery/v2/projects/${project}/datasets`;
  return {
    name: 'bigquery-emulator',
    ports: [apiPort, grpcPort],
    prepare() {
      mkdirSync(data, { recursive: true });
      return Promise.resolve();
    },
    process: () => ({
      name: 'bigquery-emulator',
      command: python,
      args: [
        join(repository, 'dev', 'bigquery', 'local_bigquery_launcher.py'),
        ...['--host', '127.0.0.1', '--port', String(apiPort), '--grpc-port', String(grpcPort)],
        ...['--project', project, '--data-dir', data],
      ],
      env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    }),
    isReady: () => answersOk(datasets),
    isAlive: () => answersOk(datasets, ANSWER_TIMEOUT_MS),
    silentForMs: SILENT_FOR_MS,
    readyWithinMs: 90_000,
    stopGraceMs: 30_000,
  };
}

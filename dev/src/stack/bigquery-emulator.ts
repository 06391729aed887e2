import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Component } from './component';
import { answersOk } from './http-probe';

export interface BigQueryEmulatorOptions {
  readonly python: string;
  readonly repository: string;
  readonly data: string;
  readonly project: string;
  readonly apiPort: number;
  readonly grpcPort: number;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * local-bigquery, started by our launcher. Acknowledged rows survive a kill. Write streams do not survive a restart.
 */
export function bigqueryEmulator(options: BigQueryEmulatorOptions): Component {
  const { python, repository, data, project, apiPort, grpcPort, env } = options;
  return {
    name: 'bigquery-emulator',
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
    isReady: () => answersOk(`http://127.0.0.1:${String(apiPort)}/bigquery/v2/projects/${project}/datasets`),
    readyWithinMs: 90_000,
    stopGraceMs: 30_000,
  };
}

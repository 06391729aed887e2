import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { acquireLock } from '@orderstream/process-lock';
import { devSettings } from './dev.config';
import { PrerequisiteError } from './errors';
import { install, installationFolder, isInstalled } from './install/installer';
import { findPython } from './install/python';
import { mageInstallation, pythonProgram } from './install/python-installation';
import { startIsolated } from './isolated-stack';
import { repositoryRoot, stackPaths } from './paths';
import { createProgress } from './progress';
import { DATASET, GENERATOR, generatorEnv, serviceInstance } from './stack/services';
import { loadTokens } from './stack/tokens';

const COMPONENTS = ['kafka', 'bigquery-emulator'];

/** What the pipelines of Mage need, on free ports and without data of earlier runs. */
export interface MageStack {
  /** The Python that has Mage. */
  readonly python: string;
  /** Deleted by `stop`. */
  readonly home: string;
  /** `host:port` */
  readonly brokers: string;
  readonly bigquery: {
    readonly apiEndpoint: string;
    readonly grpcEndpoint: string;
    readonly projectId: string;
    readonly dataset: string;
  };
  readonly generator: { readonly url: string; readonly token: string };
  readonly freePort: number;
  /** Stops all processes and deletes their data. */
  stop(): Promise<void>;
}

/** Starts a broker, the BigQuery emulator and a generator that waits for a start. If it fails, whatever was started is stopped. */
export async function startMageStack(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<MageStack> {
  const python = await prepareMage(env, signal);
  return startIsolated(env, signal, async (stack) => {
    const { paths, env: own, ports, infrastructure, endpoints, supervisor, progress } = stack;
    progress.line('Starting a broker, the BigQuery emulator and the generator on free ports:');
    const components = infrastructure.filter(({ name }) => COMPONENTS.includes(name));
    await supervisor.start(components, signal);
    const tokens = loadTokens(paths.tokensFile);
    const context = { repository: paths.repository, ledgerFolder: paths.ledger, endpoints, tokens, env: own };
    const generator = serviceInstance(GENERATOR, await ports.find(0), context, {
      env: () => Promise.resolve(generatorEnv({ rate: 1, defectRate: 0, remainingEvents: () => 0 }, paths.ledger)),
    });
    await supervisor.start([generator.component], signal);
    return {
      python,
      home: paths.home,
      brokers: endpoints.kafka,
      bigquery: {
        apiEndpoint: endpoints.bigqueryApi,
        grpcEndpoint: endpoints.bigqueryGrpc,
        projectId: endpoints.project,
        dataset: DATASET,
      },
      generator: { url: generator.url, token: tokens.operator },
      freePort: await ports.find(0),
    };
  });
}

/** Installs Mage at its first use. @returns its Python */
async function prepareMage(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const settings = loadSettings(devSettings, env);
  const repository = repositoryRoot();
  const { installed } = stackPaths(repository);
  const installation = mageInstallation({ repository, env, signal });
  const folder = installationFolder(installed, installation);
  if (!isInstalled(folder)) {
    const python = await findPython(settings.magePython, settings.pyenvRoot, env, '3.11');
    if ('problem' in python) throw new PrerequisiteError([python.problem]);
    const unlock = acquireLock(join(installed, 'mage.lock'));
    try {
      await createProgress(process.stderr).step('Mage from PyPI (400 MB), once', (note) =>
        install(installed, installation, { note, python: python.path }),
      );
    } finally {
      unlock();
    }
  }
  return pythonProgram(folder, 'python');
}

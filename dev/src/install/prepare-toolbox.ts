import { type DevSettings } from '../dev.config';
import { PrerequisiteError } from '../errors';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { bigqueryInstallation, pythonProgram } from './python-installation';
import { type Installation, install, installationFolder, type InstallTools, isInstalled } from './installer';
import { findJava, findMaven, type Found } from './java';
import { kafkaInstallation } from './kafka-installation';
import { findPubsubEmulatorJar } from './pubsub-emulator-jar';
import { findPython } from './python';

/** Programs that start the components of the stack. */
export interface Toolbox {
  readonly java: string;
  readonly kafkaFolder: string;
  readonly bigqueryPython: string;
  readonly pubsubEmulatorJar: string;
}

/**
 * Finds the prerequisites on the machine and installs the rest. Maven and Python are required only while there is
 * something to install with them, so later starts need neither them nor a network.
 *
 * Linux x64 and arm64 are supported; on macOS the user installs Node 24.15 or newer, and `npm run` uses that.
 *
 * @throws PrerequisiteError with everything that is missing, before anything is downloaded
 */
export async function prepareToolbox(context: {
  readonly paths: StackPaths;
  readonly settings: DevSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}): Promise<Toolbox> {
  const { paths, settings, env, progress, signal } = context;
  const common = { repository: paths.repository, env, signal };
  const kafka = kafkaInstallation(common);
  const bigquery = bigqueryInstallation(common);
  const isMissing = (installation: Installation): boolean =>
    !isInstalled(installationFolder(paths.installed, installation));
  const [kafkaMissing, bigqueryMissing] = [isMissing(kafka), isMissing(bigquery)];

  const [java, jar, maven, python] = await Promise.all([
    findJava(settings.java, env),
    findPubsubEmulatorJar(settings.pubsubEmulatorJar, settings.cloudSdkRoot, env),
    kafkaMissing ? findMaven(env) : undefined,
    bigqueryMissing ? findPython(settings.python, settings.pyenvRoot, env) : undefined,
  ]);
  const problems = [java, maven, python, jar].flatMap((found) =>
    found !== undefined && 'problem' in found ? [found.problem] : [],
  );
  if (problems.length > 0) throw new PrerequisiteError(problems);

  if (kafkaMissing || bigqueryMissing) progress.line('Installing, once, into .local/installed:');
  const ready = (installation: Installation, title: string, tools: Omit<InstallTools, 'note'>): Promise<string> =>
    isMissing(installation)
      ? progress.step(title, (note) => install(paths.installed, installation, { ...tools, note }))
      : Promise.resolve(installationFolder(paths.installed, installation));
  const [kafkaFolder, bigqueryFolder] = await Promise.all([
    ready(kafka, 'Apache Kafka from Maven (30 MB)', {}),
    ready(bigquery, 'BigQuery emulator from PyPI (130 MB)', bigqueryMissing ? { python: pathOf(python) } : {}),
  ]);
  return {
    java: pathOf(java),
    kafkaFolder,
    bigqueryPython: pythonProgram(bigqueryFolder, 'python'),
    pubsubEmulatorJar: pathOf(jar),
  };
}

function pathOf(found: Found | undefined): string {
  if (found === undefined || 'problem' in found) throw new Error('a prerequisite is used without a search for it');
  return found.path;
}

import { type DevSettings } from '../dev.config';
import { PrerequisiteError } from '../errors';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { bigqueryInstallation, standInPython } from './bigquery-installation';
import { install, installationFolder, isInstalled } from './installer';
import { findJava, findMaven, type Found } from './java';
import { kafkaInstallation } from './kafka-installation';
import { findPubsubEmulatorJar } from './pubsub-emulator-jar';
import { findPython } from './python';

/** What the parts of the stack are started with. */
export interface Toolbox {
  readonly java: string;
  readonly kafkaFolder: string;
  readonly standInPython: string;
  readonly pubsubEmulatorJar: string;
}

/**
 * Finds what must be on the machine and installs the rest. Maven and Python are asked for only as long as something is to be
 * installed with them, so a later start needs neither them nor a network.
 *
 * @throws PrerequisiteError naming everything that is missing, before anything is downloaded
 */
export async function prepare(context: {
  readonly paths: StackPaths;
  readonly settings: DevSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}): Promise<Toolbox> {
  const { paths, settings, env, progress, signal } = context;
  const common = { repository: paths.repository, env, signal };
  let python: Found | undefined;
  const kafka = (note: (text: string) => void) => kafkaInstallation({ ...common, note });
  const bigquery = (note: (text: string) => void) =>
    bigqueryInstallation({ ...common, note, python: () => pathOf(python) });

  const missing = (installation: ReturnType<typeof kafka>): boolean =>
    !isInstalled(installationFolder(paths.installed, installation));
  const kafkaMissing = missing(kafka(() => undefined));
  const bigqueryMissing = missing(bigquery(() => undefined));

  const [java, jar, maven, foundPython] = await Promise.all([
    findJava(settings.java, env),
    findPubsubEmulatorJar(settings.pubsubEmulatorJar, settings.cloudSdkRoot, env),
    kafkaMissing ? findMaven(env) : undefined,
    bigqueryMissing ? findPython(settings.python, settings.pyenvRoot, env) : undefined,
  ]);
  python = foundPython;
  const problems = [java, maven, python, jar].flatMap((found) =>
    found !== undefined && 'problem' in found ? [found.problem] : [],
  );
  if (problems.length > 0) throw new PrerequisiteError(problems);

  if (kafkaMissing || bigqueryMissing) progress.line('Installing, once, into .local/installed:');
  const [kafkaFolder, bigqueryFolder] = await Promise.all([
    progress.stepUnless(!kafkaMissing, 'Apache Kafka from Maven (30 MB)', (note) => install(paths.installed, kafka(note))),
    progress.stepUnless(!bigqueryMissing, 'BigQuery stand-in from PyPI (130 MB)', (note) =>
      install(paths.installed, bigquery(note)),
    ),
  ]);
  return {
    java: pathOf(java),
    kafkaFolder,
    standInPython: standInPython(bigqueryFolder),
    pubsubEmulatorJar: pathOf(jar),
  };
}

function pathOf(found: Found | undefined): string {
  if (found === undefined || 'problem' in found) throw new Error('a prerequisite is used that was not asked for');
  return found.path;
}

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Found } from './java';
import { runCommand } from './run-command';

const HOW_TO_GET_EMULATOR =
  'The Pub/Sub emulator: `gcloud components install pubsub-emulator` or `apt-get install google-cloud-cli-pubsub-emulator` (https://cloud.google.com/sdk/docs/install); PUBSUB_EMULATOR_JAR may name its jar';

const JAR = /^cloud-pubsub-emulator-.*-all\.jar$/;

/**
 * Finds the jar of the emulator. The default locations of the Google Cloud SDK come first, because `gcloud info` takes
 * about a second.
 */
export async function findPubsubEmulatorJar(
  configured: string | undefined,
  cloudSdkRoot: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Found> {
  if (configured !== undefined) {
    return existsSync(configured)
      ? { path: configured }
      : { problem: `${HOW_TO_GET_EMULATOR} (it names a file that does not exist)` };
  }
  const defaultRoots = [
    ...(cloudSdkRoot === undefined ? [] : [cloudSdkRoot]),
    join(homedir(), 'google-cloud-sdk'),
    '/usr/lib/google-cloud-sdk',
    '/usr/share/google-cloud-sdk',
    '/usr/local/google-cloud-sdk',
    '/opt/google-cloud-sdk',
    '/opt/homebrew/share/google-cloud-sdk',
    '/usr/local/share/google-cloud-sdk',
    '/snap/google-cloud-sdk/current',
  ];
  const defaultJar = defaultRoots.map(jarIn).find((jar) => jar !== undefined);
  if (defaultJar !== undefined) return { path: defaultJar };
  const { output } = await runCommand('gcloud', ['info', '--format=value(installation.sdk_root)'], { env });
  const installedJar = output
    .split('\n')
    .map((line) => jarIn(line.trim()))
    .find((jar) => jar !== undefined);
  return installedJar === undefined ? { problem: HOW_TO_GET_EMULATOR } : { path: installedJar };
}

function jarIn(sdkRoot: string): string | undefined {
  const folder = join(sdkRoot, 'platform', 'pubsub-emulator', 'lib');
  if (sdkRoot === '' || !existsSync(folder)) return undefined;
  const jar = readdirSync(folder).find((file) => JAR.test(file));
  return jar === undefined ? undefined : join(folder, jar);
}

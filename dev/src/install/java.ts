import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command';

const OLDEST_JAVA = 17;

const HOW_TO_GET_JAVA =
  'Java 17 or newer (runs Kafka and the Pub/Sub emulator): `apt-get install openjdk-17-jre-headless`, `brew install openjdk@21` or https://adoptium.net; JAVA_HOME comes before the PATH';
const HOW_TO_GET_MAVEN =
  'Maven (fetches Kafka, at the first start only): `apt-get install maven`, `brew install maven` or https://maven.apache.org/install.html';

/** The result of a search: a path, or what is missing and how to get it. */
export type Found = { readonly path: string } | { readonly problem: string };

/** Finds Java 17 or newer: JAVA_HOME first, then the PATH. */
export async function findJava(javaHome: string | undefined, env: NodeJS.ProcessEnv): Promise<Found> {
  const fromHome = javaHome === undefined ? undefined : join(javaHome, 'bin', 'java');
  const candidates = [...(fromHome !== undefined && existsSync(fromHome) ? [fromHome] : []), 'java'];
  let oldest: number | undefined;
  for (const path of candidates) {
    const major = parseJavaVersion((await runCommand(path, ['-version'], { env })).output);
    if (major !== undefined && major >= OLDEST_JAVA) return { path };
    oldest = major ?? oldest;
  }
  return { problem: oldest === undefined ? HOW_TO_GET_JAVA : `${HOW_TO_GET_JAVA} (found Java ${String(oldest)})` };
}

export async function findMaven(env: NodeJS.ProcessEnv): Promise<Found> {
  const { code } = await runCommand('mvn', ['--version'], { env });
  return code === 0 ? { path: 'mvn' } : { problem: HOW_TO_GET_MAVEN };
}

/** The major version in the output of `java -version`, which has `17.0.15` or, up to Java 8, `1.8.0_402`. */
function parseJavaVersion(output: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(output);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

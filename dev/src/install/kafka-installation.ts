import { join } from 'node:path';
import { InstallError } from '../errors';
import { type Installation } from './installer';
import { runCommand } from './run-command';

/** The jars of Apache Kafka (38 MB), from a Maven repository, checked against the checksums of the repository. */
export function kafkaInstallation(options: {
  readonly repository: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}): Installation {
  const pom = join(options.repository, 'dev', 'kafka', 'pom.xml');
  return {
    name: 'kafka',
    definedBy: [pom],
    async install(folder, { note }) {
      const args = [
        '--batch-mode',
        '--strict-checksums',
        '--file',
        pom,
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${join(folder, 'lib')}`,
      ];
      const { code, output } = await runCommand('mvn', args, {
        env: options.env,
        signal: options.signal,
        onLine: (line) => {
          note(line.replace('[INFO] ', ''));
        },
      });
      if (code !== 0) throw new InstallError('Apache Kafka', lastLines(output));
    },
  };
}

export const lastLines = (output: string): string => output.trimEnd().split('\n').slice(-15).join('\n');

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Progress, repositoryRoot, runCommand } from '../../../../dev/src';

/** A scenario of a protocol's model, explored within long bounds. */
export interface ExploredModel {
  readonly name: string;
  readonly holds: boolean;
  readonly seconds: number;
}

/** jest's `--json` report. */
interface JestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number | null;
    }[];
  }[];
}

/**
 * Explores the models of the protocols within their long bounds, in a process of its own: that takes minutes, and
 * gigabytes of memory. Prints jest's output if a model does not hold.
 * @returns undefined when the signal aborts
 */
export async function exploreModels(
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly ExploredModel[] | undefined> {
  const root = repositoryRoot();
  const report = join(folder, 'models.json');
  rmSync(report, { force: true });
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = ['--experimental-vm-modules', jest, '--selectProjects', 'model', '--json', `--outputFile=${report}`];
  const { code, output } = await progress.step('exploring the models of the protocols', () =>
    runCommand(process.execPath, args, { env: process.env, cwd: root, signal }),
  );
  if (signal.aborted) return undefined;
  const models = existsSync(report) ? explored(JSON.parse(readFileSync(report, 'utf8')) as JestReport) : [];
  const failed = models.filter(({ holds }) => !holds);
  if (code !== 0 || failed.length > 0) progress.line(output);
  // If jest fails without a failed test, it has explored nothing.
  return code === 0 || failed.length > 0 ? models : [...models, { name: 'jest', holds: false, seconds: 0 }];
}

export const doModelsHold = (models: readonly ExploredModel[]): boolean => models.every(({ holds }) => holds);

/** A section of the report, in Markdown. */
export function renderModels(models: readonly ExploredModel[]): string {
  return [
    '## Models',
    '',
    ...(doModelsHold(models) ? [] : ['**Red**: a protocol does not keep its promise.', '']),
    'The protocols of the sink and the validator, explored state by state within long bounds.',
    '',
    '| scenario | holds | seconds |',
    '| --- | --- | --: |',
    ...models.map(({ name, holds, seconds }) => `| ${name} | ${holds ? 'yes' : '**no**'} | ${seconds.toFixed(1)} |`),
    '',
  ].join('\n');
}

const explored = ({ testResults }: JestReport): readonly ExploredModel[] =>
  testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ fullName, status, duration }) => ({
      name: fullName,
      holds: status === 'passed',
      seconds: (duration ?? 0) / 1_000,
    })),
  );

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, exitCodeOf, repositoryRoot, startTestStack, StopSignals } from '../../dev/src';

/** The counts in the `--json` report of jest. */
interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** Files that could not run. */
  readonly numRuntimeErrorTestSuites: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * `npm test`: starts a broker and emulators, runs the unit and integration tests and those of the dbt project, then the
 * end-to-end tests, which start their own stack. The last line of the output counts all tests.
 */
async function runAllTests(): Promise<number> {
  const root = repositoryRoot();
  const reports = mkdtempSync(join(tmpdir(), 'orderstream-test-'));
  const stopping = new StopSignals();
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const jest = async (
    projects: readonly string[],
    env: NodeJS.ProcessEnv,
    ...options: readonly string[]
  ): Promise<void> => {
    const report = join(reports, `${projects.join('-')}.json`);
    const succeeded = await runJest(root, projects, options, report, env, stopping.signal);
    addCounts(counts, report, succeeded);
  };
  try {
    const stack = await startTestStack(process.env, stopping.signal);
    try {
      await jest(['unit', 'int'], { ...process.env, ...stack.env });
      // The models from empty, their unit tests and dbt docs generate; npm run test:dbt has the rest.
      if (!stopping.signal.aborted) {
        await jest(['dbt'], { ...process.env, ...stack.env }, '--testPathPatterns', 'test/dbt/project');
      }
    } finally {
      await stack.stop();
    }
    // One file after the other: two stacks that start at the same time may find the same free port.
    if (!stopping.signal.aborted) await jest(['e2e'], process.env, '--runInBand');
  } catch (error) {
    if (stopping.exitCode === undefined) throw error;
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  if (stopping.exitCode !== undefined) return stopping.exitCode;
  const skipped = counts.skipped === 0 ? '' : `, ${String(counts.skipped)} skipped`;
  process.stdout.write(`${String(counts.passed)} passed, ${String(counts.failed)} failed${skipped}\n`);
  return counts.failed === 0 && counts.passed > 0 ? EXIT.ok : EXIT.notAccountedFor;
}

/** Resolves to whether jest exited with 0. */
function runJest(
  root: string,
  projects: readonly string[],
  options: readonly string[],
  report: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<boolean> {
  const args = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...['--selectProjects', ...projects],
    ...options,
    // For machines under load. A test with its own timeout is not affected.
    '--testTimeout=30000',
    '--passWithNoTests',
    '--json',
    `--outputFile=${report}`,
  ];
  return new Promise((resolve, reject) => {
    // With --json jest also writes the report to standard output.
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    signal.addEventListener('abort', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code === 0);
    });
  });
}

/** A missing report, or a failure of jest without a failed test, counts as one failure. */
function addCounts(counts: Counts, path: string, succeeded: boolean): void {
  if (!existsSync(path)) {
    counts.failed++;
    return;
  }
  const report = JSON.parse(readFileSync(path, 'utf8')) as JestReport;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  counts.passed += report.numPassedTests;
  counts.failed += failed === 0 && !succeeded ? 1 : failed;
  counts.skipped += report.numPendingTests + report.numTodoTests;
}

runAllTests().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);

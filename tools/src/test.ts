import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, exitCodeOf, repositoryRoot, startTestStack } from '../../dev/src';

/** What jest counts, as its `--json` report has it. */
interface JestCounts {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** Files that could not be run at all. */
  readonly numRuntimeErrorTestSuites: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * `npm test`: unit and integration tests beside a broker and emulators of their own, then the end-to-end tests, which start
 * the whole stack by themselves. The last line counts all of them.
 */
async function test(): Promise<number> {
  const root = repositoryRoot();
  const reports = mkdtempSync(join(tmpdir(), 'orderstream-test-'));
  const stopping = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signalled = signal;
      stopping.abort();
    });
  }
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const jest = async (
    projects: readonly string[],
    env: NodeJS.ProcessEnv,
    ...options: readonly string[]
  ): Promise<void> => {
    const report = join(reports, `${projects.join('-')}.json`);
    const clean = await runJest(root, projects, options, report, env, stopping.signal);
    add(counts, report, clean);
  };
  try {
    const stack = await startTestStack(process.env, stopping.signal);
    try {
      await jest(['unit', 'int'], { ...process.env, ...stack.env });
    } finally {
      await stack.stop();
    }
    // One file after the other: two stacks that start together may find the same port free.
    if (!stopping.signal.aborted) await jest(['e2e'], process.env, '--runInBand');
  } catch (error) {
    if (signalled === undefined) throw error;
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  if (signalled !== undefined) return 128 + constants.signals[signalled];
  const skipped = counts.skipped === 0 ? '' : `, ${String(counts.skipped)} skipped`;
  process.stdout.write(`${String(counts.passed)} passed, ${String(counts.failed)} failed${skipped}\n`);
  return counts.failed === 0 && counts.passed > 0 ? EXIT.ok : EXIT.notAccountedFor;
}

/** Gives whether jest ended by itself with success. */
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
    // Patience for machines that have other things to do; a test's own limit counts where it has one.
    '--testTimeout=30000',
    '--passWithNoTests',
    '--json',
    `--outputFile=${report}`,
  ];
  return new Promise((resolve, reject) => {
    // With --json jest would also write the whole report to standard output.
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    signal.addEventListener('abort', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code === 0);
    });
  });
}

/** A report that is missing, or a jest that fails without a failed test, counts as one failure: never as none. */
function add(counts: Counts, report: string, clean: boolean): void {
  if (!existsSync(report)) {
    counts.failed++;
    return;
  }
  const told = JSON.parse(readFileSync(report, 'utf8')) as JestCounts;
  const failed = told.numFailedTests + told.numRuntimeErrorTestSuites;
  counts.passed += told.numPassedTests;
  counts.failed += failed === 0 && !clean ? 1 : failed;
  counts.skipped += told.numPendingTests + told.numTodoTests;
}

test().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);

import { spawn } from 'node:child_process';
import { type DailyStep, type StepContext } from './daily-job';
import { type DailyPlan } from './daily-run';
import { DailyBuildError } from './errors';

const DAY_MS = 86_400_000;
/** Days that the tests read by default: `tested_days` of the dbt project. */
const TESTED_DAYS = 7;
/** dbt cancels its queries on SIGINT. */
const END_GRACE_MS = 10_000;
/** Lines of the end of dbt's output, which say what has failed. */
const TAIL_LINES = 25;
const MAX_TAIL_CHARACTERS = 3_000;
/** dbt's exit code when models or tests have failed; 2 is an error of dbt itself. */
const NODES_FAILED = 1;

export interface BuildStepOptions {
  /** The program and its first arguments. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly now?: () => number;
  /** Gets each line of the output. */
  readonly onLine?: (line: string) => void;
}

/** Builds the warehouse and runs its data tests: `dbt build`. A retry runs what has failed: `dbt retry`. */
export class BuildStep implements DailyStep {
  readonly name = 'build';
  private exitCode: number | undefined;

  constructor(private readonly options: BuildStepOptions) {}

  async run({ run: { plan }, tries, signal }: StepContext): Promise<string> {
    const { timeoutMs, now = Date.now } = this.options;
    const isRetry = tries > 0 && this.exitCode === NODES_FAILED;
    const args = isRetry ? ['retry'] : buildArguments(plan, now());
    const startedAt = performance.now();
    const deadline = AbortSignal.timeout(timeoutMs);
    const { code, tail } = await this.dbt(args, AbortSignal.any([signal, deadline]));
    signal.throwIfAborted();
    this.exitCode = code;
    const what = `dbt ${args[0] ?? ''}`;
    if (deadline.aborted) {
      throw new DailyBuildError(`${what} was ended after ${timeoutMs / 60_000} minutes (DAILY_BUILD_TIMEOUT_MINUTES).`);
    }
    if (code !== 0) {
      throw new DailyBuildError(`${what} ended with ${code}. The end of its output:\n${tail}`, { retriable: true });
    }
    const done = /^.*Done\. (PASS=.*)$/m.exec(tail)?.[1] ?? 'done';
    return `${what}: ${done}, ${Math.round((performance.now() - startedAt) / 1_000)} s`;
  }

  private dbt(args: readonly string[], signal: AbortSignal): Promise<{ readonly code: number; readonly tail: string }> {
    const { command, env, onLine } = this.options;
    const [program = '', ...first] = command;
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      const lines = new Tail(onLine);
      child.stdout.setEncoding('utf8').on('data', lines.add);
      child.stderr.setEncoding('utf8').on('data', lines.add);
      let killer: NodeJS.Timeout | undefined;
      const end = (): void => {
        child.kill('SIGINT');
        killer = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
      };
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      child.once('error', (cause) => {
        const hint = 'DAILY_DBT is the command of dbt.';
        reject(new DailyBuildError(`${program} cannot be started: ${cause.message}. ${hint}`, { cause }));
      });
      child.once('close', (code) => {
        signal.removeEventListener('abort', end);
        clearTimeout(killer);
        resolve({ code: code ?? -1, tail: lines.text() });
      });
    });
  }
}

/** Unit tests of the models need no data of the day: `npm run test:dbt` runs them. */
export function buildArguments({ range, isBackfill }: DailyPlan, nowMs: number): string[] {
  const build = ['build', '--exclude-resource-type', 'unit_test'];
  if (!isBackfill) return build;
  const ageDays = Math.ceil((nowMs - Date.parse(range.from)) / DAY_MS);
  const to = new Date(Date.parse(range.to) - DAY_MS).toISOString().slice(0, 10);
  const vars = { from: range.from, to, tested_days: Math.max(TESTED_DAYS, ageDays) };
  return [...build, '--vars', JSON.stringify(vars)];
}

/** The last lines of an output, without colours. */
class Tail {
  private readonly lines: string[] = [];
  private rest = '';

  constructor(private readonly onLine: ((line: string) => void) | undefined) {}

  readonly add = (chunk: string): void => {
    const lines = (this.rest + chunk).split('\n');
    this.rest = (lines.pop() ?? '').slice(-MAX_TAIL_CHARACTERS);
    for (const line of lines) this.push(line);
  };

  text(): string {
    if (this.rest !== '') this.push(this.rest);
    this.rest = '';
    return this.lines.join('\n').slice(-MAX_TAIL_CHARACTERS);
  }

  private push(line: string): void {
    // eslint would read the escape as a mistake in a literal.
    const plain = line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '').trimEnd();
    if (plain === '') return;
    this.onLine?.(plain);
    this.lines.push(plain);
    if (this.lines.length > TAIL_LINES) this.lines.shift();
  }
}

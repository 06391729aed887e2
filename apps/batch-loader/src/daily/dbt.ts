import { spawn } from 'node:child_process';
import { DailyBuildError } from './errors';

const MS_PER_MINUTE = 60_000;
/** dbt cancels its queries on SIGINT. */
const END_GRACE_MS = 10_000;
/** Lines of the end of dbt's output, which say what has failed. */
const TAIL_LINES = 25;
const MAX_TAIL_CHARACTERS = 3_000;

export interface DbtOptions {
  /** The program and its first arguments. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Gets each line of the output. */
  readonly onLine?: (line: string) => void;
}

export interface DbtResult {
  readonly code: number;
  /** The end of the output. */
  readonly tail: string;
}

/** The command of dbt that `DAILY_DBT` names. */
export class Dbt {
  constructor(private readonly options: DbtOptions) {}

  /**
   * Runs dbt to its end.
   *
   * @throws DailyBuildError if it cannot be started or takes too long; the reason of the signal if that aborts
   */
  async run(args: readonly string[], signal: AbortSignal): Promise<DbtResult> {
    const { timeoutMs } = this.options;
    const deadline = AbortSignal.timeout(timeoutMs);
    const result = await this.execute(args, AbortSignal.any([signal, deadline]));
    signal.throwIfAborted();
    if (!deadline.aborted) return result;
    const minutes = timeoutMs / MS_PER_MINUTE;
    throw new DailyBuildError(`dbt ${args[0] ?? ''} was ended after ${minutes} minutes (DAILY_BUILD_TIMEOUT_MINUTES).`);
  }

  private execute(args: readonly string[], signal: AbortSignal): Promise<DbtResult> {
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

import { spawn } from 'node:child_process';

const MAX_OUTPUT_CHARACTERS = 4_194_304;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. A program that cannot be started, or does not end in time, has the code 127 or 124. */
export function tryCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const { env = process.env, cwd, timeoutMs = 120_000, signal } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout
      .setEncoding('utf8')
      .on('data', (chunk: string) => (stdout = (stdout + chunk).slice(-MAX_OUTPUT_CHARACTERS)));
    child.stderr
      .setEncoding('utf8')
      .on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-MAX_OUTPUT_CHARACTERS)));
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, stdout, stderr: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: overdue ? 124 : (code ?? 1), stdout, stderr });
    });
  });
}

/** The standard output of a program that must succeed. @throws Error with the end of its output */
export async function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(program, args, options);
  if (code === 0) return stdout.trim();
  options.signal?.throwIfAborted();
  const end = `${stdout}\n${stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${end}`);
}

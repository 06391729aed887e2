import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Undefined when the program could not be started. */
  readonly code: number | undefined;
  /** Standard output and standard error, the last part of it. */
  readonly output: string;
}

const KEPT_OUTPUT_CHARACTERS = 16_384;

/** Runs a program to its end. Never rejects: a program that is not there is an answer too. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string; onLine?: (line: string) => void; signal?: AbortSignal },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: options.env,
      cwd: options.cwd,
      signal: options.signal,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk: string): void => {
      output = (output + chunk).slice(-KEPT_OUTPUT_CHARACTERS);
      const last = chunk.trim().split('\n').at(-1);
      if (last !== undefined && last !== '') options.onLine?.(last);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', () => {
      resolve({ code: undefined, output });
    });
    child.once('close', (code) => {
      resolve({ code: code ?? -1, output });
    });
  });
}

import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Undefined when the program could not be started; -1 after a signal. */
  readonly code: number | undefined;
  /** The end of standard output and standard error. */
  readonly output: string;
}

const MAX_OUTPUT_CHARACTERS = 16_384;

/** Runs a program until it exits. Never rejects: a program that does not exist gives an undefined code. */
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
    const collect = (chunk: string): void => {
      output = (output + chunk).slice(-MAX_OUTPUT_CHARACTERS);
      const last = chunk.trim().split('\n').at(-1);
      if (last !== undefined && last !== '') options.onLine?.(last);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', () => {
      resolve({ code: undefined, output });
    });
    child.once('close', (code) => {
      resolve({ code: code ?? -1, output });
    });
  });
}

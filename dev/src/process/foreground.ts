import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT } from '../errors';
import { type StopSignals } from './stop-signals';

/**
 * Runs a program on this terminal to its end, and ends it with SIGTERM when this process is stopped.
 *
 * @returns the exit code: that of the signal that stopped this process, or else the program's, as a shell has it
 */
export function runInForeground(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly stop: StopSignals },
): Promise<number> {
  const { cwd, env, stop } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
    const end = (): void => {
      // Ctrl-C in a terminal reaches the program by itself. A second signal could cut what it does on the first one.
      if (stop.exitCode !== EXIT.interrupted || !process.stdin.isTTY) child.kill('SIGTERM');
    };
    stop.signal.addEventListener('abort', end);
    if (stop.signal.aborted) end();
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      stop.signal.removeEventListener('abort', end);
      resolve(stop.exitCode ?? (signal === null ? (code ?? EXIT.notAccountedFor) : 128 + constants.signals[signal]));
    });
  });
}

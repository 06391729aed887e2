import { exitCodeOf } from '../errors';
import { StopSignals } from './stop-signals';

/**
 * Runs a command of the terminal and sets the exit code of this process. An error is one message. A command that is stopped
 * ends with the exit code of the signal, and without a message, also where the stop is an error to what it waits for.
 */
export async function runAsCommand(command: (stop: StopSignals) => Promise<number>): Promise<void> {
  const stop = new StopSignals();
  try {
    process.exitCode = await command(stop);
  } catch (error) {
    if (stop.exitCode === undefined) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
    process.exitCode = stop.exitCode ?? exitCodeOf(error);
  }
}

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, type ProcessIdentity } from '@orderstream/process-lock';
import { waitForExit } from './wait-for-exit';

interface RunEntry extends ProcessIdentity {
  readonly name: string;
}

/**
 * Stops the processes of a killed runner. They are found by the files of the run folder, where pid and start time match
 * a running process: never by name.
 *
 * @param order names in the order of the stop; all others come last
 * @returns the names of the processes that were running
 */
export async function stopOrphans(runFolder: string, order: readonly string[], graceMs: number): Promise<string[]> {
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const entries = readEntries(runFolder).sort((a, b) => rank(a.name) - rank(b.name));
  const stopped: string[] = [];
  for (const entry of entries) {
    if (isRunning(entry)) {
      stopped.push(entry.name);
      trySignal(entry.pid, 'SIGTERM');
      if (!(await waitForExit(entry, graceMs))) {
        trySignal(-entry.pid, 'SIGKILL');
        await waitForExit(entry, graceMs);
      }
    }
    rmSync(join(runFolder, `${entry.name}.json`), { force: true });
  }
  return stopped;
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // the process has exited in the meantime
  }
}

function readEntries(runFolder: string): RunEntry[] {
  if (!existsSync(runFolder)) return [];
  return readdirSync(runFolder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      try {
        return [JSON.parse(readFileSync(join(runFolder, file), 'utf8')) as RunEntry];
      } catch {
        return []; // the runner was killed while it wrote the file
      }
    });
}

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LedgerInUseError } from './errors';

const LOCK = 'lock';

/** When the process began, as Linux counts it; elsewhere a number alone has to do. Undefined: there is no such process. */
function processMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid.toString()}/stat`, 'utf8');
    // The name, in brackets, may hold anything; the start time is the 20th field behind it (proc_pid_stat(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch {
    return undefined;
  }
}

const isTaken = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST';

/**
 * Keeps a second generator from the directory: two would give one sequence number to two records. A lock whose process
 * is gone, killed or rebooted away, is taken over.
 */
export class DirectoryLock {
  private constructor(private readonly path: string) {}

  /** @throws LedgerInUseError while another process holds it */
  static take(directory: string): DirectoryLock {
    const path = join(directory, LOCK);
    for (;;) {
      try {
        const file = openSync(path, 'wx', 0o600);
        writeSync(file, `${process.pid.toString()} ${processMark(process.pid) ?? ''}`);
        closeSync(file);
        return new DirectoryLock(path);
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
      const [pid = '', mark = ''] = readFileSync(path, 'utf8').split(' ');
      if (pid !== process.pid.toString() && processMark(Number(pid)) === mark) {
        throw new LedgerInUseError(directory, pid);
      }
      rmSync(path, { force: true });
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

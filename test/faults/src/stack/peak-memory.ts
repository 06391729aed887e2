import { readFileSync, writeFileSync } from 'node:fs';

/** Resets the peak of the resident memory (the manual page proc_pid_clear_refs). */
const RESET_PEAK = '5';

/** Begins to measure the resident memory of a process of this user. The result gives its peak since then, in MB of 2^20 bytes. */
export function watchPeakMemory(pid: number): () => number {
  writeFileSync(`/proc/${String(pid)}/clear_refs`, RESET_PEAK);
  return () => peakMb(readFileSync(`/proc/${String(pid)}/status`, 'latin1'));
}

/** The peak in the text of /proc/<pid>/status. Exported for its test. */
export function peakMb(status: string): number {
  const kb = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kb === undefined) throw new Error('the status of the process has no VmHWM: the process has ended');
  return Number(kb) / 1_024;
}

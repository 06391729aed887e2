import { readFileSync } from 'node:fs';

/** CPU time and memory of a process since its start. */
export interface ProcessUsage {
  /** User + system time of all threads, in seconds. */
  readonly cpuSeconds: number;
  /** Peak resident set size, in bytes. */
  readonly peakRssBytes: number;
}

const CLOCK_TICKS_PER_SECOND = 100; // USER_HZ, a constant in user space on Linux

/** Reads /proc. Throws when the process does not exist. */
export function readUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  // From field 3 (state): the name before it may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
  const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND,
    peakRssBytes: Number(peakKib) * 1024,
  };
}

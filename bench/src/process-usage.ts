import { readFileSync } from 'node:fs';

/** What the operating system has charged a process with so far. */
export interface ProcessUsage {
  /** User + system time of all threads, in seconds. */
  readonly cpuSeconds: number;
  /** Highest resident size so far, in bytes. */
  readonly peakRssBytes: number;
}

const CLOCK_TICKS_PER_SECOND = 100; // USER_HZ: fixed for user space on Linux

/** Reads /proc; throws when the process is gone. */
export function usageOf(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // field 3 (state) onwards: the name before may hold spaces
  const status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
  const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND,
    peakRssBytes: Number(peakKib) * 1024,
  };
}

/** What a process says when its clock has jumped for the so-manieth time, from 1. */
export const jumped = (pid: number | undefined, times: number): string =>
  `the clock of process ${String(pid)} has jumped, time ${String(times)}:`;

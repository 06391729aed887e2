/** What a process logs at its n-th clock jump, from 1. */
export const jumpNotice = (pid: number | undefined, nth: number): string =>
  `clock jump ${String(nth)} of process ${String(pid)}:`;

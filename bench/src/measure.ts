import { setTimeout as delay } from 'node:timers/promises';
import { type BenchProcess } from './bench-process';
import { type Progress } from './progress';
import { readUsage } from './process-usage';

/** Figures of one process over the steady phase of a run: from 10 % to 95 % of the records. */
export interface Figures {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** User + system time of the process, in seconds per million records. */
  readonly cpuSecondsPerMillion: number;
  readonly peakRssBytes: number;
}

const STEADY_FROM = 0.1;
const STEADY_TO = 0.95;
const POLL_MS = 100;
const DEADLINE_MS = 300_000;

interface Sample {
  readonly at: number;
  readonly done: number;
  readonly cpuSeconds: number;
}

/** Starts a process, measures it by its progress, and stops it. Rejects after 5 minutes. */
export async function measure(progress: () => Promise<Progress>, start: () => BenchProcess): Promise<Figures> {
  const running = start();
  try {
    const { first, last, peakRssBytes } = await sampleSteadyPhase(progress, running);
    const records = last.done - first.done;
    const seconds = (last.at - first.at) / 1000;
    return {
      records,
      seconds,
      recordsPerSecond: records / seconds,
      cpuSecondsPerMillion: ((last.cpuSeconds - first.cpuSeconds) / records) * 1e6,
      peakRssBytes,
    };
  } finally {
    await running.stop();
  }
}

async function sampleSteadyPhase(
  progress: () => Promise<Progress>,
  running: BenchProcess,
): Promise<{ first: Sample; last: Sample; peakRssBytes: number }> {
  const deadline = performance.now() + DEADLINE_MS;
  let first: Sample | undefined;
  while (performance.now() < deadline) {
    running.assertAlive();
    const { done, end } = await progress();
    const usage = readUsage(running.pid);
    const sample: Sample = { at: performance.now(), done, cpuSeconds: usage.cpuSeconds };
    if (done >= end * STEADY_FROM) first ??= sample;
    if (first && first !== sample && done >= end * STEADY_TO)
      return { first, last: sample, peakRssBytes: usage.peakRssBytes };
    await delay(POLL_MS);
  }
  throw new Error(`${running.name} has not finished within ${String(DEADLINE_MS / 1000)} s, log: ${running.logFile}`);
}

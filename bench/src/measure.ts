import { setTimeout as delay } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { type BenchProcess } from './bench-process';
import { progressOf, type Workload } from './progress';
import { usageOf } from './process-usage';

/** Figures of one process over the steady part of a run: after the first tenth of the work, before the last twentieth. */
export interface Figures {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** User + system seconds of the process per million records. */
  readonly cpuSecondsPerMillion: number;
  readonly peakRssBytes: number;
}

const STEADY_FROM = 0.1;
const STEADY_TO = 0.95;
const POLL_MS = 100;
const DEADLINE_MS = 300_000;

interface Sample {
  readonly at: number;
  readonly committed: number;
  readonly cpuSeconds: number;
}

/** Starts the process, watches the offsets it commits, stops it. Rejects when it has not finished within 5 minutes. */
export async function measure(kafka: Kafka, workload: Workload, start: () => BenchProcess): Promise<Figures> {
  const running = start();
  try {
    const { first, last, peakRssBytes } = await steadyPart(kafka, workload, running);
    const records = last.committed - first.committed;
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

async function steadyPart(
  kafka: Kafka,
  workload: Workload,
  running: BenchProcess,
): Promise<{ first: Sample; last: Sample; peakRssBytes: number }> {
  const deadline = performance.now() + DEADLINE_MS;
  let first: Sample | undefined;
  while (performance.now() < deadline) {
    running.assertAlive();
    const { committed, end } = await progressOf(kafka, workload);
    const usage = usageOf(running.pid);
    const sample: Sample = { at: performance.now(), committed, cpuSeconds: usage.cpuSeconds };
    if (committed >= end * STEADY_FROM) first ??= sample;
    if (first && first !== sample && committed >= end * STEADY_TO)
      return { first, last: sample, peakRssBytes: usage.peakRssBytes };
    await delay(POLL_MS);
  }
  throw new Error(
    `${running.name} has not finished within ${String(DEADLINE_MS / 1000)} s; its log: ${running.logFile}`,
  );
}

import { setTimeout as delay } from 'node:timers/promises';
import { type BenchProcess } from './bench-process';
import { type Figures } from './measure';
import { readUsage } from './process-usage';

const POLL_MS = 50;
const DEADLINE_MS = 300_000;

/**
 * Starts a validator over existing state, and measures it from the start of the process until it is ready. The records
 * are those of the state topics.
 */
export async function measureRestore(url: string, start: () => BenchProcess): Promise<Figures> {
  const running = start();
  const startedAt = performance.now();
  try {
    while (performance.now() - startedAt < DEADLINE_MS) {
      running.assertAlive();
      if (await isReady(url)) {
        const { cpuSeconds, peakRssBytes } = readUsage(running.pid);
        const seconds = (performance.now() - startedAt) / 1000;
        const records = await readRestoredRecords(url);
        return {
          records,
          seconds,
          recordsPerSecond: records / seconds,
          cpuSecondsPerMillion: (cpuSeconds / records) * 1e6,
          peakRssBytes,
        };
      }
      await delay(POLL_MS);
    }
    throw new Error(`${running.name} was not ready within ${String(DEADLINE_MS / 1000)} s, log: ${running.logFile}`);
  } finally {
    await running.stop();
  }
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
  return answer?.ok === true;
}

/** Restored records of all families, from the metrics of the validator. */
async function readRestoredRecords(url: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`);
  if (!answer.ok) throw new Error(`${url}/metrics answered ${String(answer.status)}`);
  const counts = [...(await answer.text()).matchAll(/^orderstream_restore_records_total\{[^}]*\} (\d+)$/gm)];
  const records = counts.reduce((sum, [, count]) => sum + Number(count), 0);
  if (records === 0) throw new Error('the validator has restored nothing');
  return records;
}

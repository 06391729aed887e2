import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchProcess } from './bench-process';
import { freePort } from './free-port';
import { type Figures } from './measure';
import { readUsage } from './process-usage';

const POLL_MS = 50;
const DEADLINE_MS = 300_000;

interface GeneratorStatus {
  readonly state: string;
  /** Undefined before the journal is open. */
  readonly run?: { readonly acked: number };
}

/** Fills the raw topics with order-generator, without a rate limit, and measures it from its first ack to its last. */
export async function fillRawTopics(
  events: number,
  environment: Readonly<Record<string, string>>,
  folder: string,
): Promise<Figures> {
  const port = await freePort();
  const generator = new BenchProcess(
    'order-generator',
    'apps/order-generator/src/main.js',
    {
      ...environment,
      HTTP_PORT: String(port),
      GENERATOR_RATE: '0',
      GENERATOR_MAX_EVENTS: String(events),
      GENERATOR_DEFECT_RATE: '0.02',
      GENERATOR_SCENARIO: 'load',
      GENERATOR_SCENARIO_DIR: 'test/support/scenarios',
      GENERATOR_AUTOSTART: 'true',
      GENERATOR_LEDGER_DIR: mkdtempSync(join(folder, 'ledger-')),
    },
    folder,
  );
  try {
    const deadline = performance.now() + DEADLINE_MS;
    let first: { at: number; acked: number; cpuSeconds: number } | undefined;
    while (performance.now() < deadline) {
      generator.assertAlive();
      const status = await readStatus(port, environment.BENCH_TOKEN ?? '');
      const usage = readUsage(generator.pid);
      const at = performance.now();
      const acked = status?.run?.acked ?? 0;
      if (status?.state === 'failed') throw new Error(`order-generator has failed, log: ${generator.logFile}`);
      if (acked > 0) first ??= { at, acked, cpuSeconds: usage.cpuSeconds };
      if (status?.state === 'finished' && first) {
        const records = acked - first.acked;
        const seconds = (at - first.at) / 1000;
        return {
          records,
          seconds,
          recordsPerSecond: records / seconds,
          cpuSecondsPerMillion: ((usage.cpuSeconds - first.cpuSeconds) / records) * 1e6,
          peakRssBytes: usage.peakRssBytes,
        };
      }
      await delay(POLL_MS);
    }
    throw new Error(
      `order-generator has not finished within ${String(DEADLINE_MS / 1000)} s, log: ${generator.logFile}`,
    );
  } finally {
    await generator.stop();
  }
}

async function readStatus(port: number, token: string): Promise<GeneratorStatus | undefined> {
  const answer = await fetch(`http://127.0.0.1:${String(port)}/admin/status`, {
    headers: { authorization: `Bearer ${token}` },
  }).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as GeneratorStatus) : undefined;
}

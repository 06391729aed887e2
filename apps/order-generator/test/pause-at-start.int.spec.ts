import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { RecordProducer } from '@orderstream/kafka';
import { createLogger, Health, Metrics, NO_TRACING } from '@orderstream/observability';
import { type OperatorLog, Pauses, RuntimeSettings } from '@orderstream/service';
import { LogLines } from '../../../test/support/fake-process';
import { Generator } from '../src/generator';
import { orderGeneratorSettings } from '../src/order-generator.config';
import { BROKERS } from './generator-process';

const UNTIL_MS = Date.parse('2026-01-01T00:10:00Z');
const MINUTE_MS = 60_000;

/** What operators have stored before the start: a pause with an end. */
const PAUSED: OperatorLog = {
  failed: undefined,
  follow: (onSetting) => {
    const since = new Date(UNTIL_MS - 10 * MINUTE_MS).toISOString();
    const value = { paused: true, since, until: new Date(UNTIL_MS).toISOString() };
    const setting = { value, changedBy: 'ann', changedAt: since, changeId: 'pause' };
    onSetting({ subject: 'pause.order-generator', value: Buffer.from(JSON.stringify(setting)), revision: 1 });
    return Promise.resolve();
  },
  append: () => Promise.reject(new Error('nothing is changed here')),
  audit: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

describe('a pause whose end comes during the start of the generator', () => {
  let directory: string;
  beforeEach(() => {
    // Other tests read the same topics, and know what they expect there.
    jest.spyOn(RecordProducer.prototype, 'send').mockResolvedValue([]);
    directory = mkdtempSync(join(tmpdir(), 'orderstream-journal-'));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(directory, { recursive: true });
  });

  it.each([
    ['after the generator has opened and before changes take effect', 'running', UNTIL_MS],
    ['later', 'stopped', UNTIL_MS - MINUTE_MS],
  ] as const)('%s leaves it %s', async (_, state, openedAtMs) => {
    let nowMs = UNTIL_MS - MINUTE_MS;
    const logger = createLogger({ service: 'order-generator', level: 'info', destination: new LogLines() });
    const metrics = new Metrics({ app: 'order-generator', processMetrics: false });
    const health = new Health();
    const service = 'order-generator';
    const runtime = new RuntimeSettings({ log: PAUSED, service, logger, metrics });
    const running: { generator?: Generator } = {};
    const control = (): Generator | undefined => running.generator;
    const pauses = new Pauses({ service, settings: runtime, control, health, metrics, logger, now: () => nowMs });
    const settings = loadSettings(orderGeneratorSettings, {
      KAFKA_BROKERS: BROKERS,
      KAFKA_REPLICATION: '1',
      GENERATOR_LEDGER_DIR: directory,
      GENERATOR_RATE: '1',
    });
    const generator = new Generator(settings, logger, metrics, NO_TRACING, health, runtime, pauses);
    running.generator = generator;
    try {
      await runtime.start();
      await generator.open();
      nowMs = openedAtMs;
      await pauses.open();
      expect([generator.status(), pauses.current]).toMatchObject([
        { state },
        state === 'running' ? undefined : { scope: 'service', by: 'ann' },
      ]);
    } finally {
      pauses.close();
      await generator.onModuleDestroy();
      await generator.onApplicationShutdown();
    }
  });
});

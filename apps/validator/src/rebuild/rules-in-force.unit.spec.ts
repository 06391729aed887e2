import { loadSettings } from '@orderstream/config';
import { type OperatorLog } from '@orderstream/service';
import { validatorSettings } from '../validator.config';
import { rulesInForce } from './rules-in-force';

const ENV = { KAFKA_BROKERS: '127.0.0.1:1', RULE_ACTIONS: '{"time.too_late":"reject","drift.vendor":"flag"}' };

/** A log with these settings. */
class StoredLog implements OperatorLog {
  readonly failed = undefined;
  isStopped = false;
  readonly append = jest.fn();
  readonly audit = jest.fn();

  constructor(private readonly values: Readonly<Record<string, unknown>>) {}

  follow: OperatorLog['follow'] = (onSetting) => {
    for (const [index, [subject, value]] of Object.entries(this.values).entries()) {
      const stored = { value, changedBy: 'ann', changedAt: '2026-03-01T12:00:00.000Z', changeId: String(index) };
      onSetting({ subject, value: Buffer.from(JSON.stringify(stored)), revision: index + 1 });
    }
    return Promise.resolve();
  };

  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}

const rules = (log: OperatorLog) => rulesInForce(loadSettings(validatorSettings, ENV), log, { error: jest.fn() });

describe('the rules of a rebuild', () => {
  it('are those of the environment, and over them what operators have changed', async () => {
    const log = new StoredLog({
      'rules.time.too_late': { action: 'flag' },
      'rules.drift.customer': { action: 'flag' },
      'rules.drift.vendor': null,
      'pause.validator': { paused: true },
    });
    expect((await rules(log)).actions).toMatchObject({
      'time.too_late': 'flag',
      'drift.customer': 'flag',
      'drift.vendor': 'flag',
      'drift.product': 'repair',
    });
    expect(log.isStopped).toBe(true);
  });

  it('are not guessed where an operator has set what this version does not know', async () => {
    const log = new StoredLog({ 'rules.time.too_shy': { action: 'flag' } });
    await expect(rules(log)).rejects.toMatchObject({
      code: 'RULES_UNKNOWN',
      message: expect.stringContaining('there is no rule time.too_shy') as string,
    });
    expect(log.isStopped).toBe(true);
  });
});

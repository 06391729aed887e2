import { loadSettings } from '@orderstream/config';
import { qualitySettings, ruleSubject } from '@orderstream/quality';
import { type Setting } from '@orderstream/service';
import { consoleSettings } from '../console.config';
import { evaluationSettings } from './evaluation';

const ENV = {
  KAFKA_BROKERS: 'localhost:9092',
  PUBSUB_PROJECT: 'orderstream-local',
  RULE_ACTIONS: '{"time.too_late":"reject","duplicate.order":"off"}',
  RULE_MAX_LATE_MS: '1000',
  STATE_MAX_EVENTS: '17',
  CATALOG_MAX_ENTITIES: '18',
};
const setting = (subject: string, value: unknown): Setting => ({
  ...{ subject, value, revision: 3, changedBy: 'ann', changedAt: '2026-03-01T00:00:00.000Z', changeId: 'x' },
});

it('evaluates by the environment of the validators, and over it by what operators have set last', () => {
  const settings = loadSettings(consoleSettings, ENV);
  const of = (...all: Setting[]) => evaluationSettings(settings, { all: () => all, revision: 3 }, []);
  const environment = qualitySettings({
    actions: { 'time.too_late': 'reject', 'duplicate.order': 'off' },
    maxLateMs: 1_000,
  });
  expect(of()).toMatchObject({ quality: environment, revision: 3, problems: [] });
  expect(of()).toMatchObject({ stateLimits: { events: { maxEntries: 17 } }, catalogLimits: { maxEntities: 18 } });

  const changed = of(
    setting(ruleSubject('reference.unknown_vendor'), { action: 'flag' }),
    setting(ruleSubject('time.too_late'), { action: 'off' }),
    setting(ruleSubject('duplicate.order'), null),
    setting('pause.validator', { paused: true }),
    setting('rules.of_another_version', { action: 'off' }),
  );
  expect(changed.quality.actions).toEqual({
    ...environment.actions,
    ...{ 'reference.unknown_vendor': 'flag', 'time.too_late': 'off' },
  });
  expect(changed.quality.version).not.toBe(environment.version);
  expect(changed.problems).toHaveLength(1);
});

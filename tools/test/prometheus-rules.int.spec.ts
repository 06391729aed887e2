import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { repositoryRoot } from '../../dev/src';
import { alertsOf } from '../src/observability/rule-files';

const PROMETHEUS = join(repositoryRoot(), 'deploy', 'prometheus');
const ALERTS = readFileSync(join(PROMETHEUS, 'rules', 'alerts.yml'), 'utf8');

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const SKIPPED =
  'skipped: promtool is not installed (Debian: apt-get install prometheus); rules and alerts are not tested\n';
if (!hasPromtool) process.stderr.write(SKIPPED);
const describeWithPromtool = hasPromtool ? describe : describe.skip;

/**
 * Changes of an alert, as [text, replacement]: `quiet` raises a limit, so that a case which must fire does not; `eager`
 * lowers one, so that a case which must not fire does.
 */
const MUTATIONS: Readonly<Record<string, { quiet: [string, string]; eager: [string, string] }>> = {
  DataLate: { quiet: ['> 60', '> 61'], eager: ['> 60', '>= 60'] },
  FreshnessAboveObjective: { quiet: ['> 2\n', '> 2.6\n'], eager: ['> 2\n', '> 1.9\n'] },
  LagRising: { quiet: ['> 1000', '> 100000'], eager: ['> 1000', '> 0'] },
  PartitionStopped: { quiet: ['> 0', '> 3'], eager: ['for: 1m', 'for: 30s'] },
  PartitionRetrying: { quiet: ['[2m]', '[30s]'], eager: ['for: 10m', 'for: 1m'] },
  OpenTransaction: { quiet: ['> 60', '> 120'], eager: ['> 60', '>= 60'] },
  ServiceDown: {
    quiet: ['or absent(up{job="pubsub-bridge"})', ''],
    eager: ['{job=~"order-generator|validator|bq-sink|pubsub-bridge"}', ''],
  },
  RestartLoop: { quiet: ['> 3', '> 4'], eager: ['> 3', '> 2'] },
  DeadLetterRate: { quiet: ['> 0.1', '> 0.2'], eager: ['> 0.1', '> 0.09'] },
  DownstreamRejects: { quiet: ['> 0', '> 30'], eager: ['bq-sink|pubsub-bridge', 'bq-sink|validator'] },
  DeadLettersExpiring: {
    quiet: ['> 0', '> 5'],
    eager: ['orderstream_dead_letters_expiring', '{__name__=~"orderstream_dead_letters_.*"}'],
  },
  FallbackTaken: { quiet: ['> 0', '> 1'], eager: ['> 0', '>= 0'] },
  StreamsCreated: { quiet: ['> 5000', '> 5200'], eager: ['> 5000', '> 4900'] },
  Throttled: {
    quiet: ['or sum by (app) (rate(orderstream_partition_failures_total{reason="throttled"}[5m])) > 0.1', ''],
    eager: ['{reason="throttled"}', ''],
  },
  ConnectionsLost: { quiet: ['> 100', '> 120'], eager: ['> 100', '>= 80'] },
  Rebalancing: { quiet: ['> 10', '> 15'], eager: ['> 10', '> 8'] },
  SubscriptionNotActive: {
    quiet: ['or on () label_replace(max(orderstream_subscription_differences) > 0, "state", "DIFFERENT", "", "")', ''],
    eager: ['ACTIVE|STATE_UNSPECIFIED', 'ACTIVE'],
  },
  SubscriptionGap: {
    quiet: ['> 0', '> 1'],
    eager: ['increase(orderstream_subscription_gaps_total[1h])', 'orderstream_subscription_gaps_total'],
  },
  PublishStuck: { quiet: ['> 600', '> 660'], eager: ['> 600', '>= 600'] },
  CatalogWait: { quiet: ['[2m]', '[10m]'], eager: ['min_over_time', 'max_over_time'] },
  WindowShort: { quiet: ['< 300', '< 299'], eager: ['< 300', '<= 300'] },
  BrokerDiskFull: { quiet: ['< 0.15', '< 0.14'], eager: ['< 0.15', '<= 0.15'] },
  BreakerTripped: { quiet: ['> 0', '> 2'], eager: ['> 0', '>= 0'] },
  ServicePaused: { quiet: ['for: 1h', 'for: 2h'], eager: ['> 0', '>= 0'] },
  SettingsDiffer: { quiet: ['> 0', '> 1'], eager: ['> 0', '>= 0'] },
  RequestsRejected: { quiet: ['> 20', '> 30'], eager: ['> 20', '> 15'] },
  AuditWaiting: { quiet: ['> 0', '> 3'], eager: ['> 0', '>= 0'] },
  ReplayStopped: { quiet: ['> 0', '> 2'], eager: ['stopped|failed', 'stopped|finished'] },
  ReplayStuck: { quiet: ['> 600', '> 720'], eager: ['> 600', '>= 400'] },
  DailyRunMissed: { quiet: ['26 * 3600', '27 * 3600'], eager: ['26 * 3600', '23 * 3600'] },
};

/** Header and cases of the tests; a case begins with the name of its alert. */
const [HEADER = '', ...CASES] = readFileSync(join(PROMETHEUS, 'tests', 'alerts.yml'), 'utf8').split(
  /^(?= {2}- name: )/m,
);
const ALERT_HEADER = ALERTS.slice(0, ALERTS.indexOf('      - alert: '));

interface Mutation {
  readonly name: string;
  readonly kind: 'quiet' | 'eager';
  readonly change: [string, string];
}
const ALL: readonly Mutation[] = Object.entries(MUTATIONS).flatMap(([name, { quiet, eager }]) => [
  { name, kind: 'quiet' as const, change: quiet },
  { name, kind: 'eager' as const, change: eager },
]);

describeWithPromtool('the rules of Prometheus', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'orderstream-rules-'));
    cpSync(PROMETHEUS, folder, { recursive: true });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const promtool = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    return { passed: status === 0, output: stdout + stderr };
  };

  it('are valid, as is the configuration of docker compose', () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toMatchObject({ passed: true });
  });

  it('are used by a valid configuration for Kubernetes', () => {
    // Debian's promtool is built without the discovery of Kubernetes. All else of the file is checked.
    const text = readFileSync(join(PROMETHEUS, 'kubernetes.yml'), 'utf8');
    const without = text.replace(
      /kubernetes_sd_configs:\n.*\n.*\n/,
      "static_configs: [{ targets: ['localhost:3001'] }]\n",
    );
    expect(without).not.toBe(text);
    writeFileSync(join(folder, 'kubernetes-static.yml'), without);
    expect(promtool('check', 'config', 'kubernetes-static.yml')).toMatchObject({ passed: true });
  });

  it('raise each alert in its case, and in no other', () => {
    const { passed, output } = promtool('test', 'rules', 'tests/alerts.yml');
    expect(passed ? '' : output).toBe('');
  });

  it('have two mutations for each alert, and a case that fails with each', () => {
    expect(Object.keys(MUTATIONS)).toEqual(alertsOf(ALERTS).map(({ name }) => name));
    const blocks = new Map(alertsOf(ALERTS).map(({ name, block }) => [name, block]));
    const files = ALL.map(({ name, kind, change: [from, to] }) => {
      const block = blocks.get(name) ?? '';
      expect(block).toContain(from);
      const rules = `${name}-${kind}.rules.yml`;
      writeFileSync(join(folder, 'rules', rules), `${ALERT_HEADER}      - alert: ${block.replace(from, () => to)}`);
      const cases = CASES.filter((text) => new RegExp(`name: ${name}\\b`).test(text));
      const test = `tests/${name}-${kind}.yml`;
      writeFileSync(join(folder, test), HEADER.replace('rules/alerts.yml', `rules/${rules}`) + cases.join(''));
      return test;
    });
    const { output } = promtool('test', 'rules', ...files);
    // One process tests all files, and reports them one after the other.
    const survived = output
      .split(/^Unit Testing: +/m)
      .slice(1)
      .filter((report) => report.includes('SUCCESS'));
    expect(survived).toEqual([]);
    expect([...output.matchAll(/^ +alertname: (\w+), time:/gm)].map(([, name]) => name).length).toBeGreaterThanOrEqual(
      ALL.length,
    );
    expect(output).not.toMatch(/yaml|parse error/);
  });
});

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { repositoryRoot } from '../../dev/src';
import { dashboards } from '../src/observability/grafana-files';
import { expandPromql } from '../src/observability/grafana-macros';
import { queriesOf } from '../src/observability/panel-queries';

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
if (!hasPromtool) {
  process.stderr.write(
    'skipped: promtool is not installed (Debian: apt-get install prometheus); panels are not tested\n',
  );
}
const describeWithPromtool = hasPromtool ? describe : describe.skip;

/** A gauge, or a counter that grows by this much in each second. Scraped every 5 s. */
const gauge = (value: number): string => `${value}x300`;
const perSecond = (rate: number): string => `0+${5 * rate}x300`;

const INPUT: Readonly<Record<string, string>> = {
  // Nine of ten take less than a second, all less than two: p95 is in the middle of the second bucket.
  'orderstream_freshness_seconds_bucket{app="bq-sink", family="orders", le="1"}': perSecond(90),
  'orderstream_freshness_seconds_bucket{app="bq-sink", family="orders", le="2"}': perSecond(100),
  'orderstream_freshness_seconds_bucket{app="bq-sink", family="orders", le="+Inf"}': perSecond(100),
  'orderstream_consumer_lag_records{app="validator", topic="raw", partition="0"}': gauge(10),
  'orderstream_consumer_lag_records{app="validator", topic="raw", partition="1"}': gauge(5),
  'orderstream_consumer_lag_records{app="bq-sink", topic="val", partition="0"}': gauge(7),
  'orderstream_consumer_lag_seconds{app="validator", topic="raw", partition="0"}': gauge(4),
  'orderstream_consumer_lag_seconds{app="validator", topic="raw", partition="1"}': gauge(3),
  'orderstream_consumer_lag_seconds{app="bq-sink", topic="val", partition="0"}': gauge(0),
  'orderstream_partitions_stopped{app="validator", topic="raw"}': gauge(1),
  'orderstream_partitions_retrying{app="bq-sink", topic="val"}': gauge(2),
  'up{job="order-generator", instance="g"}': gauge(0),
  'up{job="validator", instance="v1"}': gauge(1),
  'up{job="validator", instance="v2"}': gauge(0),
  'up{job="bq-sink", instance="s"}': gauge(1),
  'ALERTS{alertname="DataLate", alertstate="firing"}': gauge(1),
  'ALERTS{alertname="LagRising", alertstate="pending"}': gauge(1),
  'orderstream_records_total{app="validator", family="orders", outcome="accepted"}': perSecond(8),
  'orderstream_records_total{app="validator", family="orders", outcome="dead_lettered"}': perSecond(2),
  'orderstream_records_total{app="order-generator", family="orders", outcome="acked"}': perSecond(16),
  'orderstream_records_total{app="pubsub-bridge", family="orders", outcome="published"}': perSecond(32),
  'orderstream_rule_fired_total{app="validator", rule="time.in_future", action="reject"}': perSecond(2),
  'orderstream_rule_fired_total{app="validator", rule="drift.vendor", action="repair"}': perSecond(1),
  'orderstream_rule_fired_total{app="validator", rule="time.too_late", action="flag"}': perSecond(4),
  'orderstream_dead_letters_total{app="bq-sink", family="orders", reason="row"}': perSecond(1),
  'orderstream_generator_target_rate{app="order-generator"}': gauge(50),
  'orderstream_generator_achieved_rate{app="order-generator"}': gauge(49),
  'orderstream_transaction_seconds_bucket{app="validator", family="orders", le="0.1"}': perSecond(90),
  'orderstream_transaction_seconds_bucket{app="validator", family="orders", le="0.2"}': perSecond(100),
  'orderstream_transaction_seconds_bucket{app="validator", family="orders", le="+Inf"}': perSecond(100),
  'orderstream_transactions_aborted_total{app="validator", topic="raw"}': perSecond(2),
  'orderstream_fencings_total{app="validator", topic="raw"}': perSecond(1),
  'orderstream_state_entries{app="validator", family="orders", kind="events", partition="0"}': gauge(100),
  'orderstream_state_entries{app="validator", family="catalog", kind="events", partition="0"}': gauge(11),
  'orderstream_catalog_waits{app="validator", topic="raw", partition="0"}': gauge(1),
  'orderstream_catalog_waits{app="validator", topic="raw", partition="1"}': gauge(1),
  // Every console has the figures of all plans.
  'orderstream_replay_rate{app="console", instance="c1"}': gauge(90),
  'orderstream_replay_rate{app="console", instance="c2"}': gauge(91),
  'orderstream_replay_letters_total{app="console", instance="c1", outcome="returned"}': perSecond(90),
  'orderstream_replay_letters_total{app="console", instance="c2", outcome="returned"}': perSecond(91),
  'orderstream_replay_plans{app="console", instance="c1", state="running"}': gauge(1),
  'orderstream_replay_plans{app="console", instance="c2", state="running"}': gauge(1),
  'orderstream_replay_plans{app="console", instance="c1", state="draft"}': gauge(5),
  'orderstream_replay_idle_seconds{app="console", instance="c1"}': gauge(3),
  'orderstream_replay_idle_seconds{app="console", instance="c2"}': gauge(4),
  'orderstream_rows_appended_total{app="bq-sink", family="orders"}': perSecond(64),
  'orderstream_append_seconds_bucket{app="bq-sink", family="orders", le="0.5"}': perSecond(90),
  'orderstream_append_seconds_bucket{app="bq-sink", family="orders", le="1"}': perSecond(100),
  'orderstream_append_seconds_bucket{app="bq-sink", family="orders", le="+Inf"}': perSecond(100),
  'orderstream_partition_failures_total{app="bq-sink", family="orders", reason="throttled"}': perSecond(1),
  'orderstream_streams_created_total{app="bq-sink", family="orders"}': gauge(7),
  'orderstream_publish_seconds_bucket{app="pubsub-bridge", topic="orders-topic", le="0.25"}': perSecond(90),
  'orderstream_publish_seconds_bucket{app="pubsub-bridge", topic="orders-topic", le="0.5"}': perSecond(100),
  'orderstream_publish_seconds_bucket{app="pubsub-bridge", topic="orders-topic", le="+Inf"}': perSecond(100),
  'orderstream_publish_oldest_unacknowledged_seconds{app="pubsub-bridge", topic="orders-topic"}': gauge(3),
  'orderstream_subscription_state{app="pubsub-bridge", state="ACTIVE"}': gauge(1),
  'process_resident_memory_bytes{app="validator", instance="v1"}': gauge(1024),
  'process_resident_memory_bytes{app="prometheus", instance="p"}': gauge(9),
  'process_cpu_seconds_total{app="validator", instance="v1"}': perSecond(1),
  'nodejs_eventloop_lag_p99_seconds{app="validator", instance="v1"}': gauge(0.25),
  'orderstream_queued_bytes{app="validator", topic="raw", partition="0"}': gauge(100),
  'orderstream_queued_bytes{app="validator", topic="raw", partition="1"}': gauge(20),
  'redpanda_storage_disk_free_bytes{instance="r"}': gauge(1),
  'redpanda_storage_disk_total_bytes{instance="r"}': gauge(4),
  'redpanda_kafka_request_bytes_total{instance="r", redpanda_request="produce", redpanda_topic="a"}': perSecond(64),
  'redpanda_kafka_request_bytes_total{instance="r", redpanda_request="produce", redpanda_topic="b"}': perSecond(64),
  'orderstream_kafka_connections_total{app="validator", instance="v1"}': perSecond(1),
  'orderstream_open_transaction_seconds{app="validator", topic="raw", partition="0"}': gauge(30),
  'orderstream_dead_letters_unread{app="validator", instance="v1", topic="dlq"}': gauge(5),
  'orderstream_dead_letters_unread{app="validator", instance="v2", topic="dlq"}': gauge(5),
  'orderstream_dead_letters_expiring{app="validator", instance="v1", topic="dlq"}': gauge(2),
  'orderstream_effective_window_seconds{app="validator", family="orders", kind="events", partition="0"}': gauge(600),
  'orderstream_effective_window_seconds{app="validator", family="orders", kind="events", partition="1"}': gauge(500),
};

type Samples = Readonly<Record<string, number>>;
const JOB = (name: string): string => `{job="${name}"}`;

/** What each panel shows of that input, by its title; one entry per query. */
const EXPECTED: Readonly<Record<string, readonly Samples[]>> = {
  'How many letters are replayed, per second?': [{ '{}': 91 }, { '{outcome="returned"}': 91 }],
  'In which states are the plans?': [{ '{state="running"}': 1 }],
  'For how long has a plan made no progress?': [{ '{}': 4 }],
  'Is it fresh? p95, objective 2 s': [{ '{}': 1.5 }],
  'How many records wait?': [{ '{}': 22 }],
  'How many partitions do not move?': [{ '{}': 3 }],
  // The generator does not answer, and nothing is known of the bridge.
  'How many services are missing?': [{ '{}': 2 }],
  'How many alerts fire?': [{ '{}': 1 }],
  'What becomes of the records, per second?': [{ '{outcome="accepted"}': 8, '{outcome="dead_lettered"}': 2 }],
  'Why are records dead-lettered, per second?': [
    { '{rule="time.in_future"}': 2 },
    { '{app="bq-sink", reason="row"}': 1 },
  ],
  'How old is the oldest record that waits?': [
    { 'app_topic:orderstream_consumer_lag_seconds:max{app="validator", topic="raw"}': 4 },
  ],
  'How fresh is each path? p95, seconds': [
    { 'app_family:orderstream_freshness_seconds:p95_5m{app="bq-sink", family="orders"}': 1.5 },
  ],
  'How many records wait, by topic?': [
    {
      'app_topic:orderstream_consumer_lag_records:sum{app="validator", topic="raw"}': 15,
      'app_topic:orderstream_consumer_lag_records:sum{app="bq-sink", topic="val"}': 7,
    },
  ],
  'Events per second: meant and achieved': [{ '{}': 50 }, { '{}': 49 }],
  'Events per second by family': [{ '{family="orders"}': 16 }],
  'How long does a transaction take? p95': [{ '{family="orders"}': 0.15 }],
  'How many transactions fail, per second?': [{ '{}': 2 }, { '{}': 1 }],
  'How many entries has the state?': [{ '{kind="events"}': 111 }],
  'How many partitions wait for the catalog?': [{ '{topic="raw"}': 2 }],
  'Rows per second': [{ '{family="orders"}': 64 }],
  'How long does BigQuery take to append? p95': [{ '{family="orders"}': 0.75 }],
  'Why do partitions fail, per second?': [{ '{reason="throttled"}': 1 }],
  'How many write streams are created, per hour?': [{ '{}': 0 }],
  'Messages per second': [{ '{}': 32 }],
  'How long does Pub/Sub take to publish? p95': [{ '{topic="orders-topic"}': 0.375 }],
  'How old is the oldest unacknowledged message?': [{ '{topic="orders-topic"}': 3 }],
  'In which state is the subscription?': [{ '{state="ACTIVE"}': 1 }],
  'How much memory has each process?': [{ 'process_resident_memory_bytes{app="validator", instance="v1"}': 1024 }],
  'How many cores does each process use?': [{ '{app="validator", instance="v1"}': 1 }],
  'How long does the event loop stall? p99': [
    { 'nodejs_eventloop_lag_p99_seconds{app="validator", instance="v1"}': 0.25 },
  ],
  'How much memory do queued records take?': [{ '{app="validator"}': 120 }],
  'How much of the disk of the broker is free?': [{ '{instance="r"}': 0.25 }],
  'Bytes per second through the broker': [{ '{redpanda_request="produce"}': 128 }],
  'How many connections to Kafka are opened, per minute?': [{ '{app="validator"}': 60 }],
  'How long has a transaction been open?': [{ '{topic="raw"}': 30 }],
  'Which dead letters has nobody read?': [{ '{topic="dlq"}': 5 }, { '{topic="dlq"}': 2 }],
  'Which targets answer Prometheus?': [{ [JOB('order-generator')]: 0, [JOB('validator')]: 1, [JOB('bq-sink')]: 1 }],
  'Which share of the records is rejected?': [{ '{}': 0.2 }],
  'Which rules reject, as a share of all records?': [{ '{rule="time.in_future"}': 0.2 }],
  'Which fields are repaired, per second?': [{ '{rule="drift.vendor"}': 1 }],
  'Which rules flag or skip, per second?': [{ '{rule="time.too_late", action="flag"}': 4 }],
  'How far back do the memories reach?': [{ '{family="orders", kind="events"}': 500 }],
};

const panels = Map.groupBy(
  dashboards()
    .flatMap(queriesOf)
    .filter(({ language }) => language === 'promql'),
  ({ panel }) => panel,
);

describeWithPromtool('the panels on Prometheus', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'orderstream-panels-'));
    cpSync(join(repositoryRoot(), 'deploy', 'prometheus', 'rules', 'recording.yml'), join(folder, 'recording.yml'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** Runs promtool with these expectations, and returns what it reports as wrong. */
  const differences = (expected: Readonly<Record<string, readonly Samples[]>>): string => {
    const tests = [...panels].flatMap(([title, queries]) =>
      queries.map(({ text }, index) => ({
        // To the last bit: the values of rates are rounded as they are shown.
        expr: `round(${expandPromql(text)}, 0.001)`,
        eval_time: '10m',
        exp_samples: Object.entries(expected[title]?.[index] ?? {}).map(([labels, value]) => ({
          // round() leaves out the name of the series.
          labels: labels.replace(/^[^{]+/, ''),
          value,
        })),
      })),
    );
    const input_series = Object.entries(INPUT).map(([series, values]) => ({ series, values }));
    // Prometheus reads YAML, and JSON is YAML.
    const file = {
      rule_files: ['recording.yml'],
      evaluation_interval: '5s',
      tests: [{ interval: '5s', input_series, promql_expr_test: tests }],
    };
    writeFileSync(join(folder, 'panels.yml'), JSON.stringify(file));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'panels.yml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return status === 0 ? '' : stdout + stderr;
  };

  it('are all among the expectations', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual([...panels.keys()].sort());
    for (const [title, queries] of panels) expect([title, EXPECTED[title]?.length]).toEqual([title, queries.length]);
  });

  it('show the right numbers of a known input', () => {
    expect(differences(EXPECTED)).toBe('');
  });

  it('fail this test with any wrong number', () => {
    const wrong = differences(
      Object.fromEntries(
        Object.entries(EXPECTED).map(([title, queries]) => [
          title,
          queries.map((samples) =>
            Object.fromEntries(Object.entries(samples).map(([labels, value]) => [labels, value + 1])),
          ),
        ]),
      ),
    );
    expect([...wrong.matchAll(/^ +expr:/gm)]).toHaveLength([...panels.values()].flat().length);
  });
});

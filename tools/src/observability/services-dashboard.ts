import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import { annotation, promLines, promStat } from './panels';

const APPS = 'order-generator|validator|bq-sink|pubsub-bridge';

/** p95 of a histogram, by a label. */
const p95 = (metric: string, label: string): string =>
  `histogram_quantile(0.95, sum by (${label}, le) (rate(${metric}_bucket[$__rate_interval])))`;
const rate = (metric: string): string => `rate(${metric}[$__rate_interval])`;

const row = (title: string): dashboard.RowBuilder => new dashboard.RowBuilder(title);

export function servicesDashboard(): dashboard.Dashboard {
  const board = new dashboard.DashboardBuilder('Orderstream services')
    .uid('orderstream-services')
    .description(
      'The first row answers whether the system is healthy. docs/operations.md says what to do when it is not.',
    )
    .tags(['orderstream'])
    .timezone('utc')
    .time({ from: 'now-30m', to: 'now' })
    .refresh('10s')
    .readonly()
    .annotation(annotation('Restart', 'changes(process_start_time_seconds[1m]) > 0', 'blue'))
    .annotation(annotation('Rebalance', 'increase(orderstream_rebalances_total[1m]) > 0', 'purple'))
    .annotation(annotation('Fallback', 'increase(orderstream_fallbacks_taken_total[1m]) > 0', 'orange'));
  health(board);
  generator(board);
  validator(board);
  sink(board);
  bridge(board);
  replays(board);
  processes(board);
  broker(board);
  return board.build();
}

function health(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('Is it healthy?'))
    .withPanel(
      promStat(
        {
          title: 'Is it fresh? p95, objective 2 s',
          description:
            'From the append of an event to the raw topic until BigQuery or Pub/Sub has acknowledged it, in the last 5 minutes; the slower family and path.',
          unit: 's',
          limits: [[2, 'red']],
          width: 5,
          height: 5,
          decimals: 2,
        },
        'max(app_family:orderstream_freshness_seconds:p95_5m{app=~"bq-sink|pubsub-bridge"})',
      ),
    )
    .withPanel(
      promStat(
        {
          title: 'How many records wait?',
          description: 'Lag to the high watermark, over all services and topics.',
          unit: 'short',
          limits: [
            [10_000, 'orange'],
            [100_000, 'red'],
          ],
          width: 5,
          height: 5,
        },
        'sum(app_topic:orderstream_consumer_lag_records:sum)',
      ),
    )
    .withPanel(
      promStat(
        {
          title: 'How many partitions do not move?',
          description: 'Stopped until an operator resumes them, or failing again and again.',
          unit: 'none',
          limits: [[1, 'red']],
          width: 5,
          height: 5,
          decimals: 0,
        },
        'sum(orderstream_partitions_stopped) + sum(orderstream_partitions_retrying)',
      ),
    )
    .withPanel(
      promStat(
        {
          title: 'How many services are missing?',
          description:
            'Of order-generator, validator, bq-sink and pubsub-bridge: those without an instance whose metrics can be read.',
          unit: 'none',
          limits: [[1, 'red']],
          width: 5,
          height: 5,
          decimals: 0,
        },
        `4 - (count(max by (job) (up{job=~"${APPS}"}) == 1) or vector(0))`,
      ),
    )
    .withPanel(
      promStat(
        {
          title: 'How many alerts fire?',
          description: 'Pages and tickets of deploy/prometheus/rules/alerts.yml.',
          unit: 'none',
          limits: [[1, 'red']],
          width: 4,
          height: 5,
          decimals: 0,
        },
        'count(ALERTS{alertstate="firing"}) or vector(0)',
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'What becomes of the records, per second?',
          description:
            'Outcomes of the validator: accepted, repaired, dead-lettered, skipped as redeliveries, left out by set-position.',
          unit: 'reqps',
          limits: [],
          width: 8,
        },
        [[`sum by (outcome) (${rate('orderstream_records_total{app="validator"}')})`, '{{outcome}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Why are records dead-lettered, per second?',
          description: 'The validator counts each rule that rejects; the sink and the bridge count the first reason.',
          unit: 'reqps',
          limits: [],
          width: 8,
          decimals: 2,
        },
        [
          [`sum by (rule) (${rate('orderstream_rule_fired_total{action="reject"}')})`, 'validator: {{rule}}'],
          [`sum by (app, reason) (${rate('orderstream_dead_letters_total')})`, '{{app}}: {{reason}}'],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How old is the oldest record that waits?',
          description: 'Lag in seconds by service and topic. The alert DataLate fires above one minute.',
          unit: 's',
          limits: [[60, 'red']],
          width: 8,
        },
        [['app_topic:orderstream_consumer_lag_seconds:max > 0', '{{app}}, {{topic}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How fresh is each path? p95, seconds',
          description:
            'From the append to the raw topic until the output of the service is acknowledged, by service and family.',
          unit: 's',
          limits: [[2, 'red']],
          width: 12,
          decimals: 2,
        },
        [['app_family:orderstream_freshness_seconds:p95_5m', '{{app}}, {{family}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many records wait, by topic?',
          description:
            'Lag to the high watermark by service and topic. The alert LagRising fires above 1,000 that become more for 10 minutes.',
          unit: 'short',
          limits: [],
          width: 12,
        },
        [['app_topic:orderstream_consumer_lag_records:sum', '{{app}}, {{topic}}']],
      ),
    );
}

function generator(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('order-generator'))
    .withPanel(
      promLines(
        {
          title: 'Events per second: meant and achieved',
          description:
            'The target is 0 for an unthrottled run. Achieved: what the brokers acknowledged in the last seconds.',
          unit: 'reqps',
          limits: [],
          width: 12,
        },
        [
          ['sum(orderstream_generator_target_rate)', 'target'],
          ['sum(orderstream_generator_achieved_rate)', 'achieved'],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Events per second by family',
          description: 'Records that the brokers acknowledged.',
          unit: 'reqps',
          limits: [],
          width: 12,
        },
        [[`sum by (family) (${rate('orderstream_records_total{app="order-generator"}')})`, '{{family}}']],
      ),
    );
}

function validator(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('validator'))
    .withPanel(
      promLines(
        {
          title: 'How long does a transaction take? p95',
          description: 'From the first produce request of a Kafka transaction until its commit is acknowledged.',
          unit: 's',
          limits: [[1, 'red']],
          width: 6,
          decimals: 3,
        },
        [[p95('orderstream_transaction_seconds', 'family'), '{{family}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many transactions fail, per second?',
          description:
            'Aborted, or with an unknown outcome; of them, those that another owner of the partition fenced.',
          unit: 'ops',
          limits: [[0.1, 'red']],
          width: 6,
          decimals: 2,
        },
        [
          [`sum(${rate('orderstream_transactions_aborted_total{app="validator"}')})`, 'failed'],
          [`sum(${rate('orderstream_fencings_total{app="validator"}')})`, 'fenced'],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many entries has the state?',
          description: 'Entries in memory by kind, over all families and partitions.',
          unit: 'short',
          limits: [],
          width: 6,
        },
        [['sum by (kind) (orderstream_state_entries)', '{{kind}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many partitions wait for the catalog?',
          description: 'Partitions with a record whose vendor or product the catalog does not know yet.',
          unit: 'none',
          limits: [[6, 'red']],
          width: 6,
          decimals: 0,
        },
        [['sum by (topic) (orderstream_catalog_waits)', '{{topic}}']],
      ),
    );
}

function sink(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('bq-sink'))
    .withPanel(
      promLines(
        {
          title: 'Rows per second',
          description: 'Rows that BigQuery acknowledged at the stream offset at which they were sent.',
          unit: 'reqps',
          limits: [],
          width: 6,
        },
        [[`sum by (family) (${rate('orderstream_rows_appended_total')})`, '{{family}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How long does BigQuery take to append? p95',
          description: 'From sending an append request until it is acknowledged.',
          unit: 's',
          limits: [[2, 'red']],
          width: 6,
          decimals: 3,
        },
        [[p95('orderstream_append_seconds', 'family'), '{{family}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Why do partitions fail, per second?',
          description: 'Failures by reason. The partition is then opened again, or stopped.',
          unit: 'ops',
          limits: [[0.1, 'red']],
          width: 6,
          decimals: 2,
        },
        [[`sum by (reason) (${rate('orderstream_partition_failures_total')})`, '{{reason}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many write streams are created, per hour?',
          description: 'The quota of a project is 10,000. The alert StreamsCreated fires above 5,000.',
          unit: 'short',
          limits: [[5_000, 'red']],
          width: 6,
          decimals: 0,
        },
        [['sum(increase(orderstream_streams_created_total[1h]))', 'created in the last hour']],
      ),
    );
}

function bridge(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('pubsub-bridge'))
    .withPanel(
      promLines(
        {
          title: 'Messages per second',
          description: 'Records whose messages Pub/Sub acknowledged.',
          unit: 'reqps',
          limits: [],
          width: 6,
        },
        [[`sum(${rate('orderstream_records_total{app="pubsub-bridge", outcome="published"}')})`, 'published']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How long does Pub/Sub take to publish? p95',
          description: 'From sending a publish request until it is acknowledged.',
          unit: 's',
          limits: [[1, 'red']],
          width: 6,
          decimals: 3,
        },
        [[p95('orderstream_publish_seconds', 'topic'), '{{topic}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How old is the oldest unacknowledged message?',
          description: 'Since its record was taken. The alert PublishStuck fires above 10 minutes.',
          unit: 's',
          limits: [[600, 'red']],
          width: 6,
        },
        [['max by (topic) (orderstream_publish_oldest_unacknowledged_seconds)', '{{topic}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'In which state is the subscription?',
          description:
            '1 for its state at the last check. ACTIVE is right; STATE_UNSPECIFIED is what the emulator of Google returns.',
          unit: 'none',
          limits: [],
          width: 6,
          decimals: 0,
        },
        [['max by (state) (orderstream_subscription_state)', '{{state}}']],
      ),
    );
}

function replays(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('console: replay of dead letters'))
    .withPanel(
      promLines(
        {
          title: 'How many letters are replayed, per second?',
          description:
            'Receipts by outcome, and those that came back: returned, and rejected again. The plans stop when too many do.',
          unit: 'reqps',
          limits: [],
          width: 8,
        },
        [
          ['max(orderstream_replay_rate)', 'all plans'],
          [`max by (outcome) (${rate('orderstream_replay_letters_total')})`, '{{outcome}}'],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'In which states are the plans?',
          description: 'All plans of the record, except drafts. docs/replay.md says what leads on.',
          unit: 'none',
          limits: [],
          width: 8,
          decimals: 0,
        },
        [['max by (state) (orderstream_replay_plans{state!="draft"})', '{{state}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'For how long has a plan made no progress?',
          description:
            'The longest, of plans that are previewed or run, or that an error has paused. The alert ReplayStuck fires above 10 minutes.',
          unit: 's',
          limits: [[600, 'red']],
          width: 8,
          decimals: 0,
        },
        [['max(orderstream_replay_idle_seconds)', 'without progress']],
      ),
    );
}

function processes(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('Processes'))
    .withPanel(
      promLines(
        {
          title: 'How much memory has each process?',
          description: 'Resident memory. A service is meant to stay below 512 MB.',
          unit: 'bytes',
          limits: [[512 * 1_048_576, 'red']],
          width: 6,
        },
        [[`process_resident_memory_bytes{app=~"${APPS}"}`, '{{app}} {{instance}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many cores does each process use?',
          description: 'CPU seconds per second, user and system.',
          unit: 'none',
          limits: [],
          width: 6,
          decimals: 2,
        },
        [[rate(`process_cpu_seconds_total{app=~"${APPS}"}`), '{{app}} {{instance}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How long does the event loop stall? p99',
          description: 'Above half a second, heartbeats and health come late.',
          unit: 's',
          limits: [[0.5, 'red']],
          width: 6,
          decimals: 3,
        },
        [[`nodejs_eventloop_lag_p99_seconds{app=~"${APPS}"}`, '{{app}} {{instance}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How much memory do queued records take?',
          description: 'Fetched and not handed to the service yet. Each partition has a bound.',
          unit: 'bytes',
          limits: [],
          width: 6,
        },
        [['sum by (app) (orderstream_queued_bytes)', '{{app}}']],
      ),
    );
}

function broker(board: dashboard.DashboardBuilder): void {
  board
    .withRow(row('Broker and emulators'))
    .withPanel(
      promLines(
        {
          title: 'How much of the disk of the broker is free?',
          description: 'Redpanda only. The alert BrokerDiskFull fires below 15 %.',
          unit: 'percentunit',
          limits: [],
          width: 6,
        },
        [['redpanda_storage_disk_free_bytes / redpanda_storage_disk_total_bytes', '{{instance}}']],
      ).thresholds(
        new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps([
          { value: null, color: 'red' },
          { value: 0.15, color: 'green' },
        ]),
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Bytes per second through the broker',
          description: 'Redpanda only: produced and consumed.',
          unit: 'Bps',
          limits: [],
          width: 6,
        },
        [[`sum by (redpanda_request) (${rate('redpanda_kafka_request_bytes_total')})`, '{{redpanda_request}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How many connections to Kafka are opened, per minute?',
          description:
            'After the start of a process each one replaces a lost one. The alert ConnectionsLost fires above ten.',
          unit: 'short',
          limits: [[10, 'red']],
          width: 6,
        },
        [[`60 * sum by (app) (${rate('orderstream_kafka_connections_total')})`, '{{app}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How long has a transaction been open?',
          description:
            'The longest time for which the last stable offset of a partition has been held back. The alert OpenTransaction fires above one minute.',
          unit: 's',
          limits: [[60, 'red']],
          width: 6,
        },
        [['max by (topic) (orderstream_open_transaction_seconds)', '{{topic}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Which dead letters has nobody read?',
          description: 'By dead-letter topic; and those that have passed 80 % of its retention.',
          unit: 'short',
          limits: [],
          width: 12,
          decimals: 0,
        },
        [
          ['max by (topic) (orderstream_dead_letters_unread)', '{{topic}}'],
          ['max by (topic) (orderstream_dead_letters_expiring) > 0', '{{topic}} expiring'],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Which targets answer Prometheus?',
          description:
            '1 for each instance whose metrics can be read, the emulator of the subscription and the broker included.',
          unit: 'none',
          limits: [],
          width: 12,
          decimals: 0,
        },
        [['sum by (job) (up)', '{{job}}']],
      ),
    );
}

import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import { promLines, promStat, sqlTable } from './panels';

/** A dead letter is identified by its record and attempt: a table that has it twice counts it once. */
export const FINGERPRINTS_SQL = `SELECT
  fingerprint,
  ANY_VALUE(reason) AS reason,
  ANY_VALUE(app) AS app,
  COUNT(*) AS dead_letters,
  MAX(failed_at) AS last_failed_at
FROM (
  SELECT
    app, source_topic, source_partition, source_offset, attempt,
    ANY_VALUE(fingerprint) AS fingerprint, ANY_VALUE(reason) AS reason, MAX(failed_at) AS failed_at
  FROM \`\${dataset}.dead_letters\`
  WHERE $__timeFilter(failed_at) AND source = 'stream'
  GROUP BY app, source_topic, source_partition, source_offset, attempt
)
GROUP BY fingerprint
ORDER BY dead_letters DESC, fingerprint
LIMIT 20`;

export function qualityDashboard(): dashboard.Dashboard {
  return new dashboard.DashboardBuilder('Data quality')
    .uid('orderstream-quality')
    .description('What the rules find: rejects, repairs, and how far their memories reach.')
    .tags(['orderstream'])
    .timezone('utc')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .readonly()
    .withVariable(
      new dashboard.ConstantVariableBuilder('dataset').description('BIGQUERY_DATASET.').value('ecommerce_db'),
    )
    .withPanel(
      promStat(
        {
          title: 'Which share of the records is rejected?',
          description:
            'Dead-lettered by the validator, of all records in 5 minutes, in the worst family. The alert DeadLetterRate fires above 10 %.',
          unit: 'percentunit',
          limits: [
            [0.05, 'orange'],
            [0.1, 'red'],
          ],
          width: 6,
        },
        'max(family:orderstream_dead_letters:ratio5m)',
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Which rules reject, as a share of all records?',
          description:
            'Times that a rule with the action reject fired, over the records that the validator settled. A record can violate several rules.',
          unit: 'percentunit',
          limits: [[0.1, 'red']],
          width: 18,
        },
        [
          [
            'sum by (rule) (rate(orderstream_rule_fired_total{action="reject"}[$__rate_interval])) / on () group_left () (sum(rate(orderstream_records_total{app="validator"}[$__rate_interval])) > 0)',
            '{{rule}}',
          ],
        ],
      ),
    )
    .withPanel(
      sqlTable(
        {
          title: 'Which failures are the most frequent?',
          description:
            'Dead letters of the range by fingerprint: one per app, reason and field. From the table dead_letters, which the sink fills.',
          unit: 'short',
          limits: [
            [100, 'orange'],
            [1000, 'red'],
          ],
          width: 24,
          height: 9,
          decimals: 0,
        },
        FINGERPRINTS_SQL,
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Which fields are repaired, per second?',
          description:
            'Repairs by rule: drift.vendor corrects vendor_name, vendor_address and vendor_vertical; drift.product item_name; drift.customer customer_registered_at.',
          unit: 'reqps',
          limits: [],
          width: 12,
          decimals: 2,
        },
        [['sum by (rule) (rate(orderstream_rule_fired_total{action="repair"}[$__rate_interval]))', '{{rule}}']],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'Which rules flag or skip, per second?',
          description: 'Flagged records are accepted, with the code in quality_flags. Skipped ones are redeliveries.',
          unit: 'reqps',
          limits: [],
          width: 12,
          decimals: 2,
        },
        [
          [
            'sum by (rule, action) (rate(orderstream_rule_fired_total{action=~"flag|skip"}[$__rate_interval]))',
            '{{rule}}, {{action}}',
          ],
        ],
      ),
    )
    .withPanel(
      promLines(
        {
          title: 'How far back do the memories reach?',
          description:
            'Effective windows: the shortest of all partitions, by family and kind. Beyond it, rules flag what they can no longer prove. The alert WindowShort fires below 5 minutes.',
          unit: 's',
          limits: [],
          width: 24,
          height: 9,
        },
        [['min by (family, kind) (orderstream_effective_window_seconds)', '{{family}}, {{kind}}']],
      ).thresholds(
        new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps([
          { value: null, color: 'red' },
          { value: 300, color: 'green' },
        ]),
      ),
    )
    .build();
}

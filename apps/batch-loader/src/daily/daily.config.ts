import { defineSettings, settings } from '@orderstream/config';
import { isCronExpression } from './cron';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\.\d+)?Z$/;
const HTTP_URL = { pattern: /^https?:\/\/[^\s]+$/, expected: 'an `http://` or `https://` URL' };

const schedule = settings.string({
  env: 'BATCH_SCHEDULE',
  expected: 'a cron expression with five fields, such as `0 2 * * *`',
  description:
    'When `serve` starts the daily run, in UTC: a cron expression. Each scheduled time is run once. A time that was missed within the last day is run at the start of the service. Unset: never.',
});

/** Settings of the daily run: load, build, checks. */
export const dailySettings = defineSettings(
  {
    schedule: settings.optional({
      ...schedule,
      parse: (text: string) => (isCronExpression(text) ? { value: text } : undefined),
    }),
    scheduledAt: settings.optional(
      settings.string({
        env: 'DAILY_SCHEDULED_AT',
        pattern: TIME,
        expected: 'a time such as `2026-02-01T02:00:00Z`',
        description:
          'Time for which the daily run is scheduled; `--scheduled-at` goes first. Unset: the start of the current day in UTC. A time is run once.',
      }),
    ),
    dbt: settings.optional(
      settings.string({
        env: 'DAILY_DBT',
        pattern: /^\S+( \S+)*$/,
        expected: 'a command',
        description:
          'Command of dbt in the daily run, words separated by spaces, such as `/opt/dbt/bin/dbt`. It finds its project by `DBT_PROJECT_DIR`. `npm run daily` and the image `orderstream/batch` set it.',
      }),
    ),
    firstDays: settings.integer({
      env: 'BATCH_FIRST_DAYS',
      default: 1,
      min: 1,
      max: 3_650,
      description:
        'Days before its scheduled time that the first run of the schedule loads, as a first history: when the object store has no daily run yet, and `raw_orders` no order of these days. Every other run loads one day.',
    }),
    refreshMinutes: settings.integer({
      env: 'DAILY_REFRESH_MINUTES',
      default: 0,
      min: 0,
      max: 1_440,
      description:
        'Minutes between two builds of the models by `serve`, beside the daily runs and without tests, so that the marts follow the stream. 0: the daily run builds them alone.',
    }),
    buildTimeoutMinutes: settings.integer({
      env: 'DAILY_BUILD_TIMEOUT_MINUTES',
      default: 120,
      min: 1,
      max: 1_440,
      description: 'How long dbt may take, in minutes. After it, dbt is ended and the daily run fails.',
    }),
    webhookUrl: settings.optional(
      settings.string({
        env: 'ALERT_WEBHOOK_URL',
        ...HTTP_URL,
        secret: true,
        description:
          'URL to which a daily run that has failed is reported: a POST of a JSON object with `text`, which chat programs show, and `run`. Unset: the log and the exit code only.',
      }),
    ),
    pushUrl: settings.optional(
      settings.string({
        env: 'METRICS_PUSH_URL',
        ...HTTP_URL,
        secret: true,
        description:
          'URL of a Prometheus Pushgateway, for the metrics of a daily run that is a process of its own. Unset: they are only at `/metrics` of `serve`, which reads the runs of its object store.',
      }),
    ),
    execution: settings.optional(
      settings.string({
        env: 'CLOUD_RUN_EXECUTION',
        pattern: /^[a-z0-9-]{1,100}$/,
        expected: 'the name of an execution',
        description: 'Set by Cloud Run: the attempts of one execution go on with one run.',
      }),
    ),
    taskAttempt: settings.integer({
      env: 'CLOUD_RUN_TASK_ATTEMPT',
      default: 0,
      min: 0,
      description: 'Set by Cloud Run: number of the attempt.',
    }),
  },
  ({ schedule: cron, dbt, refreshMinutes }) => [
    ...(cron !== undefined && dbt === undefined ? ['DAILY_DBT must be set with BATCH_SCHEDULE'] : []),
    ...(refreshMinutes > 0 && cron === undefined ? ['BATCH_SCHEDULE must be set with DAILY_REFRESH_MINUTES'] : []),
  ],
);

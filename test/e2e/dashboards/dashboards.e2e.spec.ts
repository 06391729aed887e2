import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createBigQuery, queryFresh } from '@orderstream/bigquery';
import { VERTICALS } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';

import { dashboards } from '../../../tools/src/observability/grafana-files';
import { expandPromql, expandSql } from '../../../tools/src/observability/grafana-macros';
import { LIVE_TABLES } from '../../../tools/src/observability/live-dashboard';
import { type PanelQuery, queriesOf } from '../../../tools/src/observability/panel-queries';
import { freePort } from '../../support/free-port';
import { StackCommand } from '../../support/running-stack';
import { askPrometheus, linesOf, valueOf } from './answers';
import { plotBars, plotLines, plotValues, type Series } from './plot';

jest.setTimeout(600_000);

const REPOSITORY = join(__dirname, '..', '..', '..');
const REPORT = join(REPOSITORY, '.local', 'dashboards');
const RANGE_S = 120;
const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined;
if (!hasPrometheus) {
  process.stderr.write(
    'skipped: prometheus is not installed (Debian: apt-get install prometheus); only panels on BigQuery are tested\n',
  );
}

/** Panels without data while nothing fails, or without Redpanda, each with the reason. */
const MAY_BE_EMPTY: Readonly<Record<string, string>> = {
  'How old is the oldest record that waits?': 'shows only what is behind',
  'Why do partitions fail, per second?': 'no partition has failed',
  'How many transactions fail, per second?': 'no transaction has failed',
  'How many partitions wait for the catalog?': 'no record has waited since the start',
  'How many letters are replayed, per second?': 'no plan has been started',
  'In which states are the plans?': 'no plan has been started',
  'For how long has a plan made no progress?': 'no plan has been started',
  'How much of the disk of the broker is free?': 'Redpanda only; this stack runs Apache Kafka',
  'Bytes per second through the broker': 'Redpanda only; this stack runs Apache Kafka',
};
/** Of a panel with two queries, the second may have no data. */
const SECOND_MAY_BE_EMPTY = new Set([
  'Why are records dead-lettered, per second?',
  'Which dead letters has nobody read?',
]);

interface Answer {
  readonly query: PanelQuery;
  readonly sent: string;
  readonly answer: string;
  readonly picture: string;
}

describe('every panel, on the running stack', () => {
  let home: string;
  let stack: StackCommand;
  let running: Awaited<ReturnType<StackCommand['waitUntilRunning']>>;
  let prometheus: ChildProcess | undefined;
  let prometheusUrl = '';
  const answers: Answer[] = [];

  beforeAll(async () => {
    mkdirSync(join(REPOSITORY, '.local'), { recursive: true });
    home = mkdtempSync(join(REPOSITORY, '.local', 'e2e-'));
    stack = new StackCommand('main.js', ['--rate', '400', '--defect-rate', '0.05', '--seed', '11'], home);
    running = await stack.waitUntilRunning();
    if (hasPrometheus) await startPrometheus();
    await waitForData();
  });
  afterAll(async () => {
    writeReport(answers);
    if (prometheus?.exitCode === null) {
      prometheus.kill('SIGTERM');
      await once(prometheus, 'exit');
    }
    stack.signal('SIGTERM');
    await stack.ended;
    rmSync(home, { recursive: true, force: true });
  });

  const startPrometheus = async (): Promise<void> => {
    const folder = join(home, 'prometheus');
    cpSync(join(REPOSITORY, 'deploy', 'prometheus'), folder, { recursive: true });
    const jobs = Object.entries(running.services).map(([job_name, { url }]) => ({
      job_name,
      static_configs: [{ targets: [new URL(url).host] }],
    }));
    const config = {
      global: { scrape_interval: '5s', evaluation_interval: '5s' },
      rule_files: ['rules/*.yml'],
      scrape_configs: jobs,
    };
    writeFileSync(join(folder, 'local.yml'), JSON.stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    prometheusUrl = `http://${address}`;
    prometheus = spawn(
      'prometheus',
      ['--config.file=local.yml', '--storage.tsdb.path=data', `--web.listen-address=${address}`],
      { cwd: folder, stdio: 'ignore' },
    );
  };

  /** A minute of rates, and orders in both tables, with ratings. */
  const waitForData = async (): Promise<void> => {
    const bigquery = createBigQuery({ ...bigquerySettings(), location: 'US' });
    for (const table of LIVE_TABLES) {
      await waitUntil(
        async () => {
          const [row] = await queryFresh(
            bigquery,
            `SELECT COUNT(*) AS orders, COUNT(order_rating) AS rated FROM ${running.bigquery.dataset}.${table}`,
          );
          return Number(row?.orders) > 200 && Number(row?.rated) > 0;
        },
        { what: `200 rows in ${table}, one of them with a rating`, deadlineMs: 180_000, intervalMs: 2_000 },
      );
    }
    if (!hasPrometheus) return;
    await waitUntil(
      async () => {
        const up = await askPrometheus(prometheusUrl, 'app_family:orderstream_freshness_seconds:p95_5m', '', RANGE_S);
        return up.some(({ points }) => points.length >= 12);
      },
      { what: 'a minute of metrics in Prometheus', deadlineMs: 180_000, intervalMs: 2_000 },
    );
  };
  const bigquerySettings = () => ({
    project: running.bigquery.projectId,
    dataset: running.bigquery.dataset,
    apiEndpoint: running.bigquery.apiEndpoint,
  });

  const all = dashboards().flatMap(queriesOf);
  const promql = all.filter(({ language }) => language === 'promql');
  const sql = all.filter(({ language }) => language === 'sql');

  (hasPrometheus ? it : it.skip).each(promql.map((query) => [query.panel, query.legend, query] as const))(
    '%j has data of Prometheus (%s)',
    async (panel, _, query) => {
      const sent = expandPromql(query.text);
      const series = await askPrometheus(prometheusUrl, sent, query.legend, RANGE_S);
      answers.push({ query, sent, answer: describeSeries(series), picture: pictureOf(query, series) });
      const isSecond = all.find((one) => one.panel === panel) !== query && SECOND_MAY_BE_EMPTY.has(panel);
      if (!(panel in MAY_BE_EMPTY) && !isSecond) expect(series).not.toEqual([]);
      // One number is one series. Lines have names of their own.
      if (query.type === 'stat') expect(series.length).toBeLessThanOrEqual(1);
      expect(new Set(series.map(({ name }) => name)).size).toBe(series.length);
    },
  );

  it.each(sql.flatMap((query) => LIVE_TABLES.map((table) => [query.panel, table, query] as const)))(
    '%j has data of BigQuery (%s)',
    async (panel, table, query) => {
      const to = new Date();
      const from = new Date(to.getTime() - 300_000);
      const variables = { dataset: running.bigquery.dataset, table, vertical: VERTICALS };
      const sent = expandSql(query.text, { from, to, variables });
      const rows = await queryFresh(createBigQuery({ ...bigquerySettings(), location: 'US' }), sent);
      if (!(panel in MAY_BE_EMPTY)) expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) for (const value of Object.values(row)) expect(value).not.toBeNull();
      const values = rows.map((row) => Object.values(row).map(valueOf));
      const picture =
        rows.length === 0
          ? pictureOf(query, [])
          : query.type === 'timeseries'
            ? plotLines(`${panel} (${table})`, linesOf(rows), true)
            : query.type === 'bargauge'
              ? plotBars(
                  `${panel} (${table})`,
                  values.map(([name, value]) => [String(name), Number(value)] as const),
                )
              : plotValues(
                  `${panel} (${table})`,
                  Object.entries(rows[0] ?? {}).map(([name, value]) => `${name}: ${shown(name, value)}`),
                );
      answers.push({ query, sent, answer: JSON.stringify(values.slice(0, 8)), picture });
    },
  );

  it('has recent orders in both tables, and the same numbers in Prometheus as in the services', async () => {
    const rated = answers.filter(({ query }) => query.panel === 'How many orders were rated?');
    for (const { answer } of rated) expect(Number((JSON.parse(answer) as number[][])[0]?.[0])).toBeGreaterThan(0);
    if (!hasPrometheus) return;
    const [freshness] = await askPrometheus(
      prometheusUrl,
      'max(app_family:orderstream_freshness_seconds:p95_5m)',
      '',
      10,
    );
    expect(freshness?.points.at(-1)?.[1]).toBeGreaterThan(0);
    const down = await askPrometheus(prometheusUrl, 'count(up == 0)', '', 10);
    expect(down).toEqual([]);
  });
});

const shown = (name: string, value: unknown): string => {
  const plain = valueOf(value);
  if (name.endsWith('_at') && typeof plain === 'number') return new Date(plain * 1_000).toISOString();
  return typeof plain === 'number' ? String(Number(plain.toFixed(3))) : plain;
};

const describeSeries = (series: readonly Series[]): string =>
  series.map(({ name, points }) => `${name} = ${String(points.at(-1)?.[1])} (${points.length} points)`).join('; ') ||
  'no series';

const pictureOf = ({ type, panel }: PanelQuery, series: readonly Series[]): string => {
  if (series.length === 0)
    return plotValues(panel, [`no data${panel in MAY_BE_EMPTY ? `: ${MAY_BE_EMPTY[panel] ?? ''}` : ''}`]);
  if (type === 'stat')
    return plotValues(
      panel,
      series.map(({ points }) => String(Number(points.at(-1)?.[1].toFixed(3)))),
    );
  return plotLines(panel, series);
};

/** `.local/dashboards/index.html`: each panel's query, its answer and a picture of the answer. */
function writeReport(answers: readonly Answer[]): void {
  rmSync(REPORT, { recursive: true, force: true });
  mkdirSync(REPORT, { recursive: true });
  const html = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  const sections = answers.map(({ query, sent, answer, picture }, index) => {
    const file = `panel-${String(index + 1).padStart(2, '0')}.svg`;
    writeFileSync(join(REPORT, file), picture);
    return `<h2>${html(query.dashboard)}: ${html(query.panel)}</h2><pre>${html(sent)}</pre><p>${html(answer)}</p><img src="${file}">`;
  });
  writeFileSync(
    join(REPORT, 'index.html'),
    `<!doctype html><meta charset="utf-8"><title>Dashboards</title>${sections.join('\n')}\n`,
  );
  process.stdout.write(`The report is ${join(REPORT, 'index.html')}\n`);
}

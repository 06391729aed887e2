import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { TABLES } from '@orderstream/contracts';

import { repositoryRoot } from '../../../dev/src';
import { dashboards, grafanaFiles } from './grafana-files';
import { expandSql } from './grafana-macros';
import { knownSeries } from './known-metrics';
import { LIVE_SQL, LIVE_TABLES } from './live-dashboard';
import { panelsOf, queriesOf } from './panel-queries';
import { unknownNames } from './promql-names';

const read = (path: string): string => readFileSync(join(repositoryRoot(), path), 'utf8');
const known = knownSeries(read('deploy/prometheus/rules/recording.yml'));
const boards = dashboards();
const queries = boards.flatMap(queriesOf);

/** Words of the SQL that are no columns. */
const SQL_WORDS = new Set(
  (
    'SELECT FROM WHERE AND AS GROUP BY ORDER DESC LIMIT IN IS NOT NULL DISTINCT COUNT MAX AVG SUM ANY_VALUE CAST FLOAT64 ' +
    'TIMESTAMP TIMESTAMP_DIFF SECOND TIMESTAMP_MILLIS DIV UNIX_MILLIS'
  ).split(' '),
);
/** The columns that a query reads: its words without keywords, its own names, text and tables. */
function columnsOf(sql: string): string[] {
  const own = new Set([...sql.matchAll(/\bAS (\w+)/g)].map(([, name]) => name));
  const words = sql.replace(/'[^']*'|`[^`]*`/g, '').match(/[A-Za-z_]\w*/g) ?? [];
  return words.filter((word) => !SQL_WORDS.has(word) && !own.has(word));
}
const missingIn = (table: string, sql: string): string[] => {
  const columns = new Set(TABLES[table]?.columns.map(({ name }) => name));
  return columnsOf(sql).filter((column) => !columns.has(column));
};

describe('the dashboards', () => {
  it('are the three of the system, each with an id that stays', () => {
    expect(boards.map(({ title, uid }) => [title, uid])).toEqual([
      ['eCommerce Live Dashboard', 'orderstream-live'],
      ['Orderstream services', 'orderstream-services'],
      ['Data quality', 'orderstream-quality'],
    ]);
    for (const content of grafanaFiles().values()) {
      const { panels } = JSON.parse(content) as { panels: { id: number }[] };
      expect(panels.map(({ id }) => id)).toEqual(panels.map((_, index) => index + 1));
    }
  });

  it.each(boards.flatMap((board) => panelsOf(board).map((panel) => [panel.title ?? '', panel] as const)))(
    'the panel %j has a title that asks or names a unit, a description, a unit, thresholds and named queries',
    (title, { description, fieldConfig, targets, datasource, gridPos }) => {
      expect(title).toMatch(/\?|per (second|minute|hour)/);
      expect(description).toMatch(/^.{20,}\.$/s);
      expect(fieldConfig?.defaults.unit).toBeTruthy();
      expect(fieldConfig?.defaults.thresholds?.steps.length).toBeGreaterThan(0);
      expect(targets?.length).toBeGreaterThan(0);
      expect(datasource?.uid).toMatch(/^orderstream-/);
      expect(read('deploy/grafana/provisioning/datasources/orderstream.yml')).toContain(
        `uid: ${datasource?.uid ?? ''}`,
      );
      expect((gridPos?.x ?? 0) + (gridPos?.w ?? 0)).toBeLessThanOrEqual(24);
    },
  );

  it('have no two panels with one title', () => {
    for (const board of boards) {
      const titles = panelsOf(board).map(({ title }) => title);
      expect(titles).toEqual([...new Set(titles)]);
    }
  });

  it.each(queries.filter(({ language }) => language === 'promql').map(({ panel, text }) => [panel, text]))(
    '%j uses only series and labels that exist: %s',
    (_, text = '') => {
      expect(unknownNames(text, known)).toEqual([]);
    },
  );

  it('annotate with series and labels that exist', () => {
    const annotations = boards.flatMap(({ annotations: { list = [] } = {} }) => list);
    expect(annotations.map(({ name }) => name)).toEqual(['Restart', 'Rebalance', 'Fallback']);
    for (const { target } of annotations) {
      const { expr = 'absent' } = { ...target } as { expr?: string };
      expect(unknownNames(expr, known)).toEqual([]);
    }
  });

  it('have legends with labels that the expression has', () => {
    for (const { text, legend, panel } of queries.filter(({ language }) => language === 'promql')) {
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
        const has = new RegExp(`by \\([^)]*\\b${label}\\b`).test(text);
        const names = [...text.matchAll(/[a-zA-Z_:][\w:]*/g)].flatMap(([name]) => known.get(name) ?? []);
        expect([panel, label, has || (!text.includes('by (') && names.includes(label))]).toEqual([panel, label, true]);
      }
    }
  });

  it('read only columns of the contracts, bounded by the column that partitions the table', () => {
    const sql = queries.filter(({ language }) => language === 'sql');
    expect(sql).toHaveLength(6);
    for (const { text } of sql) {
      const tables = text.includes('dead_letters`') ? ['dead_letters'] : LIVE_TABLES;
      for (const table of tables) {
        const variables = { table, dataset: 'd', vertical: ['Books'] };
        const expanded = expandSql(text, { from: new Date(0), to: new Date(0), variables });
        expect(missingIn(table, expanded)).toEqual([]);
        expect(text).toContain(`$__timeFilter(${TABLES[table]?.partitionField ?? ''})`);
      }
    }
    expect(missingIn('order_events', "SELECT colour FROM `a` WHERE shape = 'x'")).toEqual(['colour', 'shape']);
  });
});

describe('the cost of the live dashboard', () => {
  /** Logical bytes of a column in a row, as BigQuery bills them ("Data type sizes"): a null takes none. */
  const PLACED_SHARE = 0.25;
  const BYTES: Readonly<Record<string, number>> = {
    event_id: 2 + 36,
    order_id: 2 + 64,
    event_type: 2 + 12,
    occurred_at: 8,
    order_placed_at: 8,
    vendor_vertical: (2 + 10) * PLACED_SHARE,
    order_rating: 8 * PLACED_SHARE,
    item_price: 16 * PLACED_SHARE,
    item_quantity: 8 * PLACED_SHARE,
  };
  const REFRESHES_PER_HOUR = 720;
  const MIN_BYTES = 10 * 2 ** 20;
  const USD_PER_BYTE = 6.25 / 2 ** 40;

  /** Bytes billed in an hour when today's partition has so many rows. */
  const bytesPerHour = (rows: number): number =>
    Object.values(LIVE_SQL)
      .map((sql) => {
        // The names of a subquery are those of its columns.
        const columns = Object.keys(BYTES).filter((column) => new RegExp(`\\b${column}\\b`).test(sql));
        return (
          REFRESHES_PER_HOUR *
          Math.max(MIN_BYTES, rows * columns.reduce((sum, column) => sum + (BYTES[column] ?? NaN), 0))
        );
      })
      .reduce((sum, bytes) => sum + bytes, 0);

  it('is what the documentation states', () => {
    const text = read('docs/operations.md').replace(/\s+/g, ' ');
    const stated = (rows: number): string =>
      `${String(Math.round(bytesPerHour(rows) / 1e9))} GB, or ${(bytesPerHour(rows) * USD_PER_BYTE).toFixed(2)} USD`;
    expect(text).toContain(`at least: ${stated(0)} an hour`);
    expect(bytesPerHour(110_000)).toBe(bytesPerHour(0));
    expect(text).toContain('up to 110,000 rows');
    expect(text).toContain(`a million rows it is ${stated(1e6)} an hour`);
  });
});

describe('expandSql', () => {
  const selection = {
    from: new Date('2026-11-26T10:00:00.123Z'),
    to: new Date('2026-11-26T10:05:00.456Z'),
    variables: { table: 't', several: ["a'b", 'c'] },
  };

  it('expands variables and macros as Grafana and the plugin of Google do', () => {
    expect(
      expandSql("${table} ${several:sqlstring} $__timeFilter(x) $__timeGroup(x, 1m) '${__to:date:iso}'", selection),
    ).toBe(
      "t 'a''b','c' x >= '2026-11-26T10:00:00Z' AND x <= '2026-11-26T10:05:00Z' TIMESTAMP_MILLIS(DIV(UNIX_MILLIS(x), 60000) * 60000) '2026-11-26T10:05:00.456Z'",
    );
  });

  it('throws for what it does not know', () => {
    expect(() => expandSql('${other}', selection)).toThrow('other');
    expect(() => expandSql('$__timeFrom(x)', selection)).toThrow('$__timeFrom');
  });
});

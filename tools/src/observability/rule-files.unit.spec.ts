import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryRoot } from '../../../dev/src';
import { knownSeries } from './known-metrics';
import { promqlNames, unknownNames } from './promql-names';
import { alertsOf, recordedExpressions } from './rule-files';

const read = (path: string): string => readFileSync(join(repositoryRoot(), path), 'utf8');
const rules = read('deploy/prometheus/rules/recording.yml');
const alerts = alertsOf(read('deploy/prometheus/rules/alerts.yml'));
const known = knownSeries(rules);

/** The anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replace(/ /g, '-');
const operations = read('docs/operations.md');
const anchors = [...operations.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));

describe('promqlNames', () => {
  it('finds series, the labels of selectors and of groupings, and no functions, text or variables', () => {
    expect(
      promqlNames('sum by (app, le) (rate(a_total{app=~"x{y}", le!="b"}[$__rate_interval])) / on () a:b offset 5m'),
    ).toEqual({
      selectors: [
        { name: 'a_total', labels: ['app', 'le'] },
        { name: 'a:b', labels: [] },
      ],
      grouping: ['app', 'le'],
    });
  });

  it('reports a metric, a label of a selector and a label of a grouping that nobody exports', () => {
    expect(unknownNames('sum by (colour) (orderstream_nothing) + orderstream_records_total{shape="x"}', known)).toEqual(
      ['orderstream_nothing', 'orderstream_records_total{shape}', 'by (colour)'],
    );
  });
});

describe('the rules of Prometheus', () => {
  it('have expressions that this test reads', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { expression } of alerts) expect(promqlNames(expression).selectors).not.toEqual([]);
    expect(recordedExpressions(rules)).toHaveLength([...rules.matchAll(/- record:/g)].length);
  });

  it.each([
    ...alerts.map(({ name, expression }): [string, string] => [name, expression]),
    ...recordedExpressions(rules).map((e): [string, string] => [e, e]),
  ])('%s uses only series and labels that exist', (_, expression) => {
    expect(unknownNames(expression, known)).toEqual([]);
  });

  it.each(alerts.map(({ name, block }) => [name, block]))(
    '%s has a severity, a summary with a number, and an entry in the runbook',
    (name, block) => {
      expect(block).toMatch(/severity: (page|ticket)\b/);
      expect(block).toMatch(/summary: .*(\$value|\d)/);
      expect(block).toContain(`runbook_url: docs/operations.md#${name.toLowerCase()}`);
      expect(anchors).toContain(name.toLowerCase());
    },
  );

  it('have an alert for each runbook entry', () => {
    const section = operations.split(/^## /m).find((text) => text.startsWith('Alerts')) ?? '';
    const entries = [...section.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(entries.sort()).toEqual(alerts.map(({ name }) => name).sort());
  });

  it.each(alerts.map(({ name }) => name))('the runbook entry of %s answers the four questions', (name) => {
    const entry = operations.split(/^### /m).find((text) => text.startsWith(`${name}\n`)) ?? '';
    for (const question of ['**Means.**', '**Look at.**', '**Do.**', '**Over when.**'])
      expect(entry).toContain(question);
  });
});

import { parseScenario, problemText } from './parse-scenario';
import { SCENARIO_NAMES, scenarioNamed } from '../../test/scenarios';

const HEAD = 'name: mine\ndescription: A test.\n';
const problemsOf = (yaml: string, file = 'mine.yaml'): string[] =>
  (parseScenario(yaml, file).problems ?? []).map(problemText);

describe('a scenario file', () => {
  it('of this repository is valid, and there are those that the documentation names', () => {
    expect(SCENARIO_NAMES).toEqual(['bot-burst', 'catalog-late', 'daily', 'dirty-day', 'flash-sale', 'late-mobile', 'original', 'schema-v2', 'steady', 'vendor-outage']); // prettier-ignore
    for (const name of SCENARIO_NAMES) expect(scenarioNamed(name).name).toBe(name);
  });

  it('may set only what differs', () => {
    const { scenario } = parseScenario(`${HEAD}lifecycleSpeed: 7\norders:\n  rated: 0.25\n`, 'mine.yaml');
    expect(scenario).toMatchObject({
      lifecycleSpeed: 7,
      orders: { rated: 0.25, unpaid: 0.05 },
      funnel: { bounce: 0.25 },
    });
  });

  it.each<[string, string, string[]]>([
    ['an unknown key', 'speed: 3', ['mine.yaml:3: speed: unknown key']],
    ['an unknown inner key', 'funnel:\n  cart: 0.1\n  carts: 0.1', ['mine.yaml:5: funnel.carts: unknown key']],
    ['shares that do not add up', 'devices:\n  desktop: 0.5\n  mobile: 0.6', ['mine.yaml:3: devices: expected shares that add up to 1, found 1.1']],
    ['a negative share', 'funnel: { cart: -0.1 }', ['mine.yaml:3: funnel.cart: expected at least 0, found -0.1']],
    ['a share above 1', 'orders:\n  rated: 80', ['mine.yaml:4: orders.rated: expected at most 1, found 80']],
    ['a rate of 0', 'lifecycleSpeed: 0', ['mine.yaml:3: lifecycleSpeed: expected at least 0.1, found 0']],
    ['a text for a number', 'producers: many', ['mine.yaml:3: producers: expected a number, found "many"']],
    ['a fraction for a whole number', 'producers: 1.5', ['mine.yaml:3: producers: expected a whole number, found 1.5']],
    ['reversed dates', 'history:\n  from: 2025-01-01\n  to: 2024-01-01', ['mine.yaml:5: history.to: expected a date after from (2025-01-01), found 2024-01-01']],
    ['reversed dates of the population', 'population: { openedAt: 2022-01-01, sizeAt: 2021-01-01 }', ['mine.yaml:3: population.sizeAt: expected a date after openedAt (2022-01-01), found 2021-01-01']],
    ['a history before the opening', 'history: { from: 2019-01-01 }', ['mine.yaml:3: history.from: expected a date not before population.openedAt (2021-01-01), found 2019-01-01']],
    ['a date that does not exist', 'history: { to: 2025-13-01 }', ['mine.yaml:3: history.to: expected a date such as 2026-01-31, found 2025-13-01']],
    ['an unknown effect', 'effects:\n  - kind: meteor', ['mine.yaml:4: effects.0.kind: expected a known kind of effect: flash-sale, vendor-outage or bot-burst']],
    ['an effect without its times', 'effects:\n  - kind: bot-burst\n    everyMinutes: 5', ['mine.yaml:4: effects.0.durationMinutes: expected a number, found nothing']],
    ['an effect longer than its interval', 'effects:\n  - kind: bot-burst\n    everyMinutes: 5\n    durationMinutes: 6', ['mine.yaml:6: effects.0.durationMinutes: expected at most everyMinutes (5), found 6']],
    ['a list for a map', 'funnel: [1]', ['mine.yaml:3: funnel: expected a map of keys, found [1]']],
    ['an unknown choice', 'values: odd', ['mine.yaml:3: values: expected realistic or uniform, found "odd"']],
    ['an unknown rule', 'defects:\n  rules: { time.travel: 0.1 }', ['mine.yaml:4: defects.rules.time.travel: unknown key']],
    ['a rule that no record breaks', 'defects:\n  rules:\n    internal.rule_failed: 0.1', ['mine.yaml:5: defects.rules.internal.rule_failed: unknown key']],
    ['a negative rate of defects', 'defects:\n  rules:\n    drift.vendor: -0.1', ['mine.yaml:5: defects.rules.drift.vendor: expected at least 0, found -0.1']],
    ['rates of defects above 1 in all', 'defects:\n  rate: 0.8\n  nearMisses: 0.3', ['mine.yaml:3: defects: expected shares of at most 1 in all, found 1.1']],
    ['rules that one record cannot break together', 'defects:\n  combinations:\n    - { rules: [drift.vendor, time.too_old], rate: 0.1 }', ['mine.yaml:5: defects.combinations.0.rules: expected rules that one record can break together, found drift.vendor and time.too_old']],
    ['a combination of one rule', 'defects:\n  combinations:\n    - { rules: [drift.vendor], rate: 0.1 }', ['mine.yaml:5: defects.combinations.0.rules: expected at least 2 items, found ["drift.vendor"]']],
    ['several problems, in the order of the lines', 'producers: 0\nlifecycleSped: 2\nfunnel:\n  order: 2', ['mine.yaml:3: producers: expected at least 1, found 0', 'mine.yaml:4: lifecycleSped: unknown key', 'mine.yaml:6: funnel.order: expected at most 1, found 2']],
  ])('with %s is rejected, with the line and what was expected', (_, yaml, expected) => {
    expect(problemsOf(`${HEAD}${yaml}\n`)).toEqual(expected);
  }); // prettier-ignore

  it('without a name or with that of another file is rejected', () => {
    expect(problemsOf('description: A test.\n')).toEqual(['mine.yaml:1: name: expected a string, found nothing']);
    expect(problemsOf(HEAD, 'yours.yaml')).toEqual(["yours.yaml:1: name: expected the file's name, yours, found mine"]);
    expect(problemsOf('')).toEqual(expect.arrayContaining(['mine.yaml:1: name: expected a string, found nothing']));
  });

  it.each([
    [`${HEAD}funnel: {\n`, /^mine\.yaml:\d+: not valid YAML: /],
    [`${HEAD}name: twice\n`, /^mine\.yaml:3: not valid YAML: Map keys must be unique/],
    [
      `${HEAD}a: &a [1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n`,
      /^mine\.yaml:1: not valid YAML: Excessive alias count/,
    ],
    ['- a\n- b\n', /^mine\.yaml:1: expected a map of keys/],
    ['just text', /^mine\.yaml:1: expected a map of keys/],
  ])('that is not a map in YAML is rejected: %j', (yaml, message) => {
    expect(problemsOf(yaml)[0]).toMatch(message);
  });
});

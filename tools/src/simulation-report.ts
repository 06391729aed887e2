import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScenario, problemText, type Scenario } from '@orderstream/simulation';
import { repositoryRoot } from '../../dev/src';
import { behaviour, course, history, lateness, prices, week } from './simulation-report/figures';
import { page } from './simulation-report/plots';

const USAGE = `Plots what the simulation does, into .local/simulation-report.html.
  npm run simulation:report              with seed 1
  npm run simulation:report -- <seed>
`;
const OUTPUT = '.local/simulation-report.html';

function scenarioNamed(root: string, name: string): Scenario {
  const file = `libs/simulation/scenarios/${name}.yaml`;
  const { scenario, problems } = parseScenario(readFileSync(join(root, file), 'utf8'), file);
  if (scenario === undefined) throw new Error(problems.map(problemText).join('\n'));
  return scenario;
}

/** @returns the exit code: 0 written, 2 wrong usage */
function report(args: readonly string[]): number {
  const [seed = '1'] = args;
  if (args.length > 1 || seed.startsWith('-')) {
    process.stderr.write(USAGE);
    return 2;
  }
  const root = repositoryRoot();
  const scenario = (name: string): Scenario => scenarioNamed(root, name);
  const figures = [
    ...week(scenario('daily'), seed),
    ...history(scenario('daily'), seed),
    prices(scenario('steady'), seed),
    ...behaviour(scenario('steady'), seed),
    course(
      scenario('flash-sale'),
      seed,
      40,
      'A flash sale every 15 minutes: four times the sessions, and more orders.',
    ),
    course(scenario('bot-burst'), seed, 25, 'Bots every 10 minutes: many events, no orders.'),
    course(
      scenario('vendor-outage'),
      seed,
      45,
      'Two fifths of the vendors are out for 8 of 20 minutes: fewer orders, shipped later.',
    ),
    lateness(scenario('late-mobile'), seed),
  ];
  mkdirSync(join(root, '.local'), { recursive: true });
  const intro = `Seed ${seed}. Computed from libs/simulation without Kafka.`;
  writeFileSync(join(root, OUTPUT), page('The simulated marketplace', intro, figures));
  process.stdout.write(`wrote ${OUTPUT}\n`);
  return 0;
}

process.exitCode = report(process.argv.slice(2));

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScenario, problemText, type Scenario, type Segment, SIMULATION_VERSION } from '../src';

const FOLDER = join(__dirname, '../scenarios');

/** The names of all scenario files. */
export const SCENARIO_NAMES = readdirSync(FOLDER)
  .map((file) => file.replace(/\.yaml$/, ''))
  .sort();

const scenarioText = (name: string): string => readFileSync(join(FOLDER, `${name}.yaml`), 'utf8');

/** A scenario that these lines of YAML describe, beside its name and description. */
export function scenarioOf(yaml: string): Scenario {
  return parsed(`name: test\ndescription: A test.\n${yaml}`, 'test.yaml');
}

export const scenarioNamed = (name: string): Scenario => parsed(scenarioText(name), `${name}.yaml`);

function parsed(text: string, file: string): Scenario {
  const { scenario, problems } = parseScenario(text, file);
  if (scenario === undefined) throw new Error(problems.map(problemText).join('\n'));
  return scenario;
}

/** 2026-03-02T12:00:00Z, a Monday. */
export const NOON_MS = Date.UTC(2026, 2, 2, 12);

export const segmentOf = (scenario: Scenario, eventsPerSecond: number, seed = 'test', startMs = NOON_MS): Segment => ({
  id: 'test',
  seed,
  scenario,
  simulationVersion: SIMULATION_VERSION,
  startMs,
  rates: [{ fromMs: startMs, eventsPerSecond }],
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseScenario, problemText, type Scenario } from '@orderstream/simulation';
import { BatchInputError } from '../errors';

const BUILT_IN = 'libs/simulation/scenarios';

/** Loads a scenario from a folder of the user's, or else of the simulation. @throws BatchInputError */
export function loadScenario(name: string, userFolder: string | undefined): Scenario {
  const folders = [...(userFolder === undefined ? [] : [userFolder]), builtInFolder()];
  const file = folders.map((folder) => join(folder, `${name}.yaml`)).find((path) => existsSync(path));
  if (file === undefined) {
    const known = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
    throw new BatchInputError(
      `There is no scenario ${name} in ${folders.join(' or ')}. There are: ${known
        .filter((each) => each.endsWith('.yaml'))
        .map((each) => each.slice(0, -'.yaml'.length))
        .sort()
        .join(', ')}.`,
    );
  }
  const { scenario, problems } = parseScenario(readFileSync(file, 'utf8'), file);
  if (scenario === undefined) throw new BatchInputError(problems.map(problemText).join('\n'));
  return scenario;
}

/** The sources are above the compiled program, or around this file. */
function builtInFolder(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const scenarios = join(folder, BUILT_IN);
    if (existsSync(scenarios)) return scenarios;
    if (folder === dirname(folder)) throw new Error(`${BUILT_IN} is in no folder above ${__dirname}`);
  }
}

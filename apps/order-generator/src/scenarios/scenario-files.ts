import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseScenario, problemText, type Scenario } from '@orderstream/simulation';
import { InvalidScenarioError, UnknownScenarioError } from './errors';

const EXTENSION = /\.ya?ml$/;
const BUILT_IN = 'libs/simulation/scenarios';

/** A scenario that can be chosen by its name, or a file that is none. */
export interface ListedScenario {
  readonly name: string;
  /** First sentence of what it shows; absent if the file has problems. */
  readonly description?: string;
  readonly file: string;
  /** What is wrong with the file: `file:line: path: message`. */
  readonly problems?: readonly string[];
}

/** The scenarios of the simulation, and those of a folder of the user's, which come first. Files are read each time. */
export class ScenarioFiles {
  private readonly folders: readonly string[];

  constructor(userFolder: string | undefined) {
    this.folders = [...(userFolder === undefined ? [] : [userFolder]), builtInFolder()];
  }

  list(): ListedScenario[] {
    return [...this.files()].map(([name, file]) => {
      const { scenario, problems } = parseScenario(readFileSync(file, 'utf8'), file);
      return scenario === undefined
        ? { name, file, problems: problems.map(problemText) }
        : { name, file, description: scenario.description };
    });
  }

  /** @throws UnknownScenarioError, InvalidScenarioError */
  load(name: string): Scenario {
    const files = this.files();
    const file = files.get(name);
    if (file === undefined) throw new UnknownScenarioError(name, [...files.keys()], this.folders);
    return parsed(readFileSync(file, 'utf8'), file, true);
  }

  /** @throws InvalidScenarioError */
  parse(yaml: string): Scenario {
    return parsed(yaml, 'body.yaml', false);
  }

  private files(): Map<string, string> {
    const found = new Map<string, string>();
    for (const folder of this.folders) {
      if (!existsSync(folder)) continue;
      for (const file of readdirSync(folder)
        .filter((each) => EXTENSION.test(each))
        .sort()) {
        const name = file.replace(EXTENSION, '');
        if (!found.has(name)) found.set(name, join(folder, file));
      }
    }
    return found;
  }
}

function parsed(text: string, file: string, hasItsName: boolean): Scenario {
  const { scenario, problems } = parseScenario(text, file, { hasItsName });
  if (scenario === undefined) throw new InvalidScenarioError(file, problems.map(problemText));
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

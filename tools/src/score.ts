import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LogEvaluator, outcomeOf } from '@orderstream/quality';
import {
  expectedFindings,
  isPerfect,
  parseScenario,
  problemText,
  RecordCursor,
  renderScore,
  type Scenario,
  Score,
  type ScoreReport,
  type Segment,
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { EXIT, repositoryRoot } from '../../dev/src';

const USAGE = `Compares what the quality rules find with what a scenario injects:
  npm run score -- --engine --scenario <name> --events <number> [options]

  --engine              evaluates the records in this process by the rules of libs/quality, without a broker
  --scenario <name>     a file of libs/simulation/scenarios
  --events <number>     events after the announcement of the catalog
  --rate <number>       events per second of simulated time (default 500)
  --seed <text>         (default 1)
  --defect-rate <0..1>  replaces the rate of the scenario
  --json                one line of JSON in place of the table

Exit code: 0 every rule finds all that was injected and nothing else, and the sums agree; 1 if not; 2 wrong usage
`;

const START_MS = Date.UTC(2026, 2, 2, 12);
const MAX_EVENTS = 1_000_000_000;

class UsageError extends Error {}

function numberOf(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && number >= min && number <= max) return number;
  throw new UsageError(`--${name}: expected a number from ${String(min)} to ${String(max)}, found ${text}`);
}

function scenarioNamed(name: string): Scenario {
  const file = `libs/simulation/scenarios/${name}.yaml`;
  const path = join(repositoryRoot(), file);
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(path)) throw new UsageError(`--scenario: there is no ${file}`);
  const { scenario, problems } = parseScenario(readFileSync(path, 'utf8'), file);
  if (scenario === undefined) throw new UsageError(problems.map(problemText).join('\n'));
  return scenario;
}

interface Run {
  readonly segment: Segment;
  readonly events: number;
  readonly isJson: boolean;
}

/** @throws UsageError */
function runOf(args: readonly string[]): Run {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    engine: flag,
    scenario: text,
    events: text,
    rate: text,
    seed: text,
    'defect-rate': text,
    json: flag,
  };
  const { values } = ((): ReturnType<typeof parseArgs<{ args: string[]; options: typeof options; strict: true }>> => {
    try {
      return parseArgs({ args: [...args], options, strict: true });
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  if (!values.engine) throw new UsageError('the score of the running validator is not there yet: add --engine');
  if (values.scenario === undefined || values.events === undefined) {
    throw new UsageError('--scenario and --events are required');
  }
  const events = Math.floor(numberOf('events', values.events, 1, MAX_EVENTS) ?? 0);
  const eventsPerSecond = numberOf('rate', values.rate, 0.001, 1_000_000) ?? 500;
  const segment: Segment = {
    id: 'score',
    seed: values.seed ?? '1',
    scenario: scenarioNamed(values.scenario),
    simulationVersion: SIMULATION_VERSION,
    startMs: START_MS,
    rates: [{ fromMs: START_MS, eventsPerSecond }],
    defectRate: numberOf('defect-rate', values['defect-rate'], 0, 1),
  };
  return { segment, events, isJson: values.json };
}

/** Evaluates the records in memory: each is appended when it is emitted. */
function scoreOf(segment: Segment, events: number): ScoreReport {
  const cursor = RecordCursor.begin(segment);
  const rules = new LogEvaluator();
  const score = new Score();
  const end = cursor.announcements + events;
  let emitted = 0;
  for (let record = cursor.next(); record !== undefined; record = cursor.next()) {
    const { n, copy, family, partition, key, value, headers, emittedMicros, intent } = record;
    const timestamp = Math.ceil(emittedMicros / 1_000);
    const got = outcomeOf(rules.evaluate(family, { partition, timestamp, key, value, headers }));
    score.add(expectedFindings(intent, { appendMs: timestamp, occurrence: 0 }), got);
    if (copy === 0 && n >= cursor.announcements) emitted++;
    if (cursor.position >= end) break;
  }
  return score.report(emitted, rules.accounting);
}

function main(args: readonly string[]): number {
  try {
    const { segment, events, isJson } = runOf(args);
    const report = scoreOf(segment, events);
    process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : renderScore(report));
    return isPerfect(report) ? 0 : EXIT.notAccountedFor;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`score: ${error.message}\n\n${USAGE}`);
    return EXIT.usage;
  }
}

process.exitCode = main(process.argv.slice(2));

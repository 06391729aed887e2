import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { scoreRun } from '@orderstream/ledger';
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
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { Kafka, logLevel } from 'kafkajs';
import { EXIT, exitCodeOf, repositoryRoot, startValidatorStack, StopSignals, UsageError } from '../../dev/src';

const USAGE = `Compares what the quality rules find with what a scenario injects:
  npm run score -- --scenario <name> --events <number> [options]

The records go through a broker and the validator, which are started on free ports.

  --scenario <name>     a file of libs/simulation/scenarios
  --events <number>     events after the announcement of the catalog
  --rate <number>       events per second of virtual time (default 500)
  --seed <number>       (default 1)
  --defect-rate <0..1>  replaces the rate of the scenario
  --engine              evaluates the records in this process, by the rules of libs/quality, without a broker
  --json                one line of JSON in place of the table

Exit code: 0 every rule finds all that was injected and nothing else, and the sums agree; 1 if not; 2 wrong usage;
4 no progress for 60 s
`;

const START_MS = Date.UTC(2026, 2, 2, 12);
const DEFAULT_EVENTS_PER_SECOND = 500;
const MAX_EVENTS = 1_000_000_000;
const MAX_SEED = 4_294_967_295;

interface Run {
  readonly scenario: Scenario;
  readonly events: number;
  /** Of virtual time. */
  readonly eventsPerSecond: number;
  readonly seed: number;
  readonly defectRate: number | undefined;
  readonly isEngine: boolean;
  readonly isJson: boolean;
}

function numberOf(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && number >= min && number <= max) return number;
  throw new UsageError(`--${name}: expected a number from ${String(min)} to ${String(max)}, found ${text}`);
}

function integerOf(name: string, text: string | undefined, min: number, max: number): number | undefined {
  const number = numberOf(name, text, min, max);
  if (number === undefined || Number.isInteger(number)) return number;
  throw new UsageError(`--${name}: expected an integer, found ${String(text)}`);
}

function scenarioNamed(name: string): Scenario {
  const file = `libs/simulation/scenarios/${name}.yaml`;
  const path = join(repositoryRoot(), file);
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(path)) throw new UsageError(`--scenario: there is no ${file}`);
  const { scenario, problems } = parseScenario(readFileSync(path, 'utf8'), file);
  if (scenario === undefined) throw new UsageError(problems.map(problemText).join('\n'));
  return scenario;
}

const OPTIONS = {
  scenario: { type: 'string' },
  events: { type: 'string' },
  rate: { type: 'string' },
  seed: { type: 'string' },
  'defect-rate': { type: 'string' },
  engine: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** @throws UsageError */
function runOf(args: readonly string[]): Run {
  const { values } = ((): ReturnType<typeof parseArgs<{ args: string[]; options: typeof OPTIONS; strict: true }>> => {
    try {
      return parseArgs({ args: [...args], options: OPTIONS, strict: true });
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  const events = integerOf('events', values.events, 1, MAX_EVENTS);
  if (values.scenario === undefined || events === undefined) {
    throw new UsageError('--scenario and --events are required');
  }
  return {
    scenario: scenarioNamed(values.scenario),
    events,
    eventsPerSecond: numberOf('rate', values.rate, 0.001, 1_000_000) ?? DEFAULT_EVENTS_PER_SECOND,
    seed: integerOf('seed', values.seed, 0, MAX_SEED) ?? 1,
    defectRate: numberOf('defect-rate', values['defect-rate'], 0, 1),
    isEngine: values.engine,
    isJson: values.json,
  };
}

/** Evaluates the records in memory: each is appended when it is emitted. */
function scoreEngine({ scenario, events, eventsPerSecond, seed, defectRate }: Run): ScoreReport {
  const cursor = RecordCursor.begin({
    id: 'score',
    seed: String(seed),
    scenario,
    simulationVersion: SIMULATION_VERSION,
    startMs: START_MS,
    rates: [{ fromMs: START_MS, eventsPerSecond }],
    defectRate,
  });
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

/** Sends the records through the broker and the validator as fast as they go. */
async function scoreValidator(run: Run, signal: AbortSignal): Promise<ScoreReport> {
  const stack = await startValidatorStack(process.env, signal, {
    rate: 0,
    nominalRate: run.eventsPerSecond,
    remainingEvents: () => run.events,
    seed: run.seed,
    defectRate: run.defectRate,
    scenario: run.scenario.name,
  });
  try {
    const kafka = new Kafka({ brokers: [stack.brokers], clientId: 'score', logLevel: logLevel.NOTHING });
    const { generator, validator, ledgerFolder } = stack;
    return await scoreRun({ kafka, generator, validator, ledgerFolder, signal }, run.events);
  } finally {
    await stack.stop();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const stop = new StopSignals();
  try {
    const run = runOf(args);
    const report = run.isEngine ? scoreEngine(run) : await scoreValidator(run, stop.signal);
    process.stdout.write(run.isJson ? `${JSON.stringify(report)}\n` : renderScore(report));
    return isPerfect(report) ? EXIT.ok : EXIT.notAccountedFor;
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    process.stderr.write(`score: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`\n${USAGE}`);
    return exitCodeOf(error);
  }
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createProgress, EXIT, exitCodeOf, repositoryRoot, StopSignals } from '../../../dev/src';
import { FAULTS } from './faults/catalogue';
import { chooseBreaks, isAsExpected, tryBreaks } from './run/break-trials';
import { chooseFaults, parseFaultOptions } from './run/cli';
import { doModelsHold, exploreModels, renderModels } from './run/models';
import { renderReport } from './run/report';
import { isSuiteGreen } from './run/results';
import { describeSchedule, schedule } from './run/schedule';
import { runSuite } from './run/suite';
import { FaultStack, type FaultStackOptions } from './stack/fault-stack';

const RECORDS_PER_FAULT = 20_000;

/** `npm run test:faults`. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseFaultOptions(args);
  if (options === undefined) return EXIT.ok;
  const breaks = options.breaks ? chooseBreaks(options.only) : [];
  const faults = options.breaks ? [] : chooseFaults(FAULTS, options.only);
  if (options.list) {
    for (const { name, description } of faults) process.stdout.write(`${name}: ${description}\n`);
    return EXIT.ok;
  }
  const progress = createProgress(process.stderr);
  const folder = join(repositoryRoot(), '.local', 'faults');
  mkdirSync(folder, { recursive: true });
  const stopping = new StopSignals();
  const stackOptions: FaultStackOptions = {
    home: join(folder, 'stack'),
    progress,
    signal: stopping.signal,
    load: { eventsPerSecond: options.rate, seed: options.seed, defectRate: options.defectRate },
  };
  if (options.breaks) {
    const trials = await tryBreaks(stackOptions, breaks, progress);
    return trials.every(isAsExpected) ? EXIT.ok : EXIT.notAccountedFor;
  }
  const { seed, round: perRound, mixed } = options;
  const rounds = schedule({ seed, faults, count: options.faults, perRound, mixed });
  const count = rounds.flat(2).length;
  const records = options.records ?? count * RECORDS_PER_FAULT;
  const quoted = args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg)).join(' ');
  const command = `npm run test:faults -- ${quoted}${args.includes('--seed') ? '' : ` --seed ${String(options.seed)}`}`;
  progress.line(`${String(count)} faults over ${records.toLocaleString('en-US')} records. To repeat: ${command}`);
  for (const line of describeSchedule(rounds)) progress.line(`  ${line}`);

  const exploresModels = !options.skipModels && options.only.length === 0;
  const models = exploresModels ? await exploreModels(folder, progress, stopping.signal) : [];
  if (models === undefined) return stopping.exitCode ?? EXIT.interrupted;

  const stack = await FaultStack.start(stackOptions);
  try {
    const plan = { rounds, records, maxLag: options.maxLag };
    const result = await Promise.race([runSuite(stack, plan, progress, stopping.signal), aborted(stopping.signal)]);
    const path = join(folder, `report-${String(options.seed)}.md`);
    const isGreen = isSuiteGreen(result) && doModelsHold(models);
    const sections = [
      renderReport(result, { isGreen, command, ...options }),
      ...(models.length === 0 ? [] : [renderModels(models)]),
    ];
    writeFileSync(path, sections.join('\n'));
    progress.line(`${isGreen ? 'Green' : 'RED'}. The report: ${path}`);
    return isGreen ? EXIT.ok : EXIT.notAccountedFor;
  } catch (error) {
    if (stopping.exitCode !== undefined) return stopping.exitCode;
    throw error;
  } finally {
    await stack.stop();
  }
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}

main(process.argv.slice(2)).then(
  (code) => {
    // Clients of stopped brokers may keep the process running for a while.
    process.exit(code);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(exitCodeOf(error));
  },
);

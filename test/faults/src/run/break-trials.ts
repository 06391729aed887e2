import { type Progress, UsageError } from '../../../../dev/src';
import { SINK_BREAKS, type SinkBreakName } from '../instrumented/sink-breaks';
import { StepFault } from '../instrumented/step-fault';
import { FaultStack, type FaultStackOptions } from '../stack/fault-stack';
import { FAULT_SEQUENCES, type FaultSequence, type Symptom } from './break-sequences';
import { CommittedOffsets } from './committed-offsets';
import { describeVerdict } from './describe';
import { Load } from './load';
import { RoundVerifier } from './round-verifier';
import { isGreen, type Verdict } from './verdict';

const ENTRY = 'dist/test/faults/src/instrumented/bq-sink.js';
const MAX_LAG = 60_000;
const FIRST_COMMIT_DEADLINE_MS = 60_000;

export interface Trial {
  /** Undefined: the whole protocol. */
  readonly name: SinkBreakName | undefined;
  readonly description: string;
  /** One of these has to be found. Empty: the verdict has to be green. */
  readonly symptoms: readonly Symptom[];
  readonly verdict: Verdict;
}

/** Whether the whole protocol is green, or the comparison has found a symptom of the break. A stall is not enough. */
export const isAsExpected = ({ symptoms, verdict }: Pick<Trial, 'symptoms' | 'verdict'>): boolean =>
  symptoms.length === 0 ? isGreen(verdict) : symptoms.some((symptom) => verdict.accounts[symptom] > 0);

/** @throws UsageError when one of the names is not that of a break */
export function chooseBreaks(only: readonly string[]): readonly SinkBreakName[] {
  const all = Object.keys(SINK_BREAKS) as SinkBreakName[];
  const unknown = only.filter((name) => !all.some((each) => each === name));
  if (unknown.length > 0) throw new UsageError(`there is no break ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return all.filter((name) => only.length === 0 || only.includes(name));
}

/**
 * Tests of the suite itself. The protocol without one of its rules has to turn it red, and the whole protocol has to leave
 * it green under the same faults.
 */
export async function tryBreaks(
  options: FaultStackOptions,
  breaks: readonly SinkBreakName[],
  progress: Progress,
): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const sequence of FAULT_SEQUENCES) {
    const wanted = breaks.filter((name) => sequence.breaks[name] !== undefined);
    if (wanted.length === 0) continue;
    for (const name of [undefined, ...wanted]) {
      const verdict = await tryOne(options, sequence, name);
      const symptoms = name === undefined ? [] : (sequence.breaks[name] ?? []);
      const trial = { name, description: sequence.description, symptoms, verdict };
      trials.push(trial);
      const found = symptoms.map((symptom) => `, ${symptom} ${String(verdict.accounts[symptom])}`).join('');
      progress.line(
        `${isAsExpected(trial) ? 'as expected' : 'NOT AS EXPECTED'}: ${name ?? 'the whole protocol'}, ${sequence.description}: ${isGreen(verdict) ? 'green' : 'red'}${found} (${describeVerdict(verdict)})`,
      );
      for (const example of verdict.accounts.examples.slice(0, 4)) progress.line(`    ${example}`);
    }
  }
  return trials;
}

async function tryOne(
  options: FaultStackOptions,
  sequence: FaultSequence,
  name: SinkBreakName | undefined,
): Promise<Verdict> {
  const stack = await FaultStack.start(options);
  const offsets = await CommittedOffsets.connect(stack.kafka());
  try {
    const verifier = new RoundVerifier(stack, offsets, options.signal);
    const start = await verifier.start();
    const load = new Load(stack, offsets, MAX_LAG);
    await load.start();
    await offsets.waitUntilMoved('bq-sink', { partitions: 1, deadlineMs: FIRST_COMMIT_DEADLINE_MS });
    await sequence.run({
      stack,
      offsets,
      load,
      useInstrumentedSink: (number, step) => {
        const env = {
          ...sequence.env,
          ...(name === undefined ? {} : { SINK_BREAK: name }),
          ...(step === undefined ? {} : StepFault.environment(step)),
        };
        stack.setVariant('bq-sink', { entry: ENTRY, env }, number);
      },
    });
    stack.clearFaults();
    return await verifier.compare(start, { isWhole: true });
  } finally {
    await offsets.close();
    await stack.stop();
  }
}

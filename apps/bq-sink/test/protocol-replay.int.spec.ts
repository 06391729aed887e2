import { explore, type TracedStep } from '../../../test/model-checking/explore';
import { type Followed, follow } from '../../../test/model-checking/follow';
import { BREAKS } from './model/breaks';
import type { BreakName } from './model/model-context';
import { SinkProtocol } from './model/sink-protocol';
import { BROKEN_CODE } from './replay/broken-code';
import { ReplayEnvironment, type ReplayOptions } from './replay/replay-environment';
import { replayTrace } from './replay/replay-trace';

const BOUND = { maxStates: 400_000 };
const NAMES = Object.keys(BREAKS) as BreakName[];

/** The problem that the replay of broken code reports, where its wording differs from the violation of the model. */
const REPORTED: Readonly<Partial<Record<BreakName, RegExp>>> = {
  commitsBeforeAck: /0 rows, fewer than the 1 committed/,
  readsLogEndBeforeFinalize: /2 more rows are durable than the log has records from 0 to its end 1/,
  readsLogEndBeforeQuery: /the table has a row of offset 1, and the log ends at 1/,
  stopsAlthoughFenced: /nothing is committed, and the table has rows/,
};

jest.setTimeout(60_000);

/** A shortest trace to the violation of the protocol without one of its rules. */
const traceOf = (name: BreakName): readonly TracedStep[] =>
  explore(new SinkProtocol(BREAKS[name].bounds, name), BOUND).trace;

const format = (trace: readonly TracedStep[], details: readonly (string | undefined)[]): readonly string[] =>
  trace.map(({ actor, name }, index) => `${actor} ${name}: ${details[index] ?? 'not taken'}`);

/** Makes the code take the steps of the trace, then finishes the run without further faults. */
async function replay(
  trace: readonly TracedStep[],
  expected: readonly Followed[],
  options: ReplayOptions,
): Promise<{ readonly steps: readonly string[]; readonly problems: readonly string[] }> {
  const environment = new ReplayEnvironment(options);
  await environment.start();
  try {
    const steps = format(trace, await replayTrace(environment, trace, expected));
    return { steps, problems: await environment.finishAndVerify() };
  } finally {
    await environment.stop();
  }
}

describe('the code on the trace of each violation', () => {
  it.each(NAMES)('takes the steps of the complete protocol and writes each record once: %s', async (name) => {
    const { bounds } = BREAKS[name];
    const trace = traceOf(name);
    const expected = follow(new SinkProtocol(bounds), trace);
    const { steps, problems } = await replay(trace, expected, { bounds });
    expect(steps).toEqual(
      format(
        trace,
        expected.map(({ step }) => step?.detail),
      ),
    );
    expect(problems).toEqual([]);
  });
});

describe('broken code on the trace of the same break', () => {
  const broken = NAMES.filter((name) => name in BROKEN_CODE);

  it.each(broken)('takes every step of the trace and reports the violation: %s', async (name) => {
    const { bounds, violation } = BREAKS[name];
    const trace = traceOf(name);
    const expected = trace.map((step): Followed => ({ kind: 'same', step }));
    const { steps, problems } = await replay(trace, expected, { bounds, ...BROKEN_CODE[name] });
    expect(steps).toEqual(
      format(
        trace,
        trace.map(({ detail }) => detail),
      ),
    );
    expect(problems).toContainEqual(expect.stringMatching(REPORTED[name] ?? violation));
  });
});

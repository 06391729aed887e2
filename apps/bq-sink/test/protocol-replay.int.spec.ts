import { explore, type TracedStep } from '../../../test/model-checking/explore';
import { type Followed, follow } from '../../../test/model-checking/follow';
import { BREAKS } from './model/breaks';
import type { BreakName } from './model/rules';
import { SinkProtocol } from './model/sink-protocol';
import { BROKEN_CODE } from './replay/broken-code';
import { playCourse } from './replay/course';
import { Stage, type StageOptions } from './replay/stage';

const BOUND = { maxStates: 400_000 };
const NAMES = Object.keys(BREAKS) as BreakName[];

/** What a broken code is caught by, where it is not the violation of the model, word by word. */
const CAUGHT_BY: Readonly<Partial<Record<BreakName, RegExp>>> = {
  commitBeforeAck: /0 rows, fewer than the 1 committed/,
  endBeforeFinalize: /2 more rows are durable than the log has records from 0 to its end 1/,
  endBeforeMax: /the table has a row of offset 1, and the log ends at 1/,
  stopsThoughFenced: /nothing is committed, and the table has rows/,
};

jest.setTimeout(60_000);

/** A shortest way to where the protocol fails without one of its rules. */
const traceOf = (name: BreakName): readonly TracedStep[] =>
  explore(new SinkProtocol(BREAKS[name].bounds, name), BOUND).trace;

const tell = (trace: readonly TracedStep[], details: readonly (string | undefined)[]): readonly string[] =>
  trace.map(({ actor, name }, index) => `${actor} ${name}: ${details[index] ?? 'does not'}`);

/** Leads the code along the trace, then lets everything come to its end. */
async function replay(
  trace: readonly TracedStep[],
  expected: readonly Followed[],
  options: StageOptions,
): Promise<{ readonly course: readonly string[]; readonly problems: readonly string[] }> {
  const stage = new Stage(options);
  await stage.start();
  try {
    const course = tell(trace, await playCourse(stage, trace, expected));
    return { course, problems: await stage.calmDown() };
  } finally {
    await stage.stop();
  }
}

describe('the code, led to where a broken protocol fails', () => {
  it.each(NAMES)('does what the protocol does there, and has each record once: %s', async (name) => {
    const { bounds } = BREAKS[name];
    const trace = traceOf(name);
    const expected = follow(new SinkProtocol(bounds), trace);
    const { course, problems } = await replay(trace, expected, { bounds });
    expect(course).toEqual(
      tell(
        trace,
        expected.map(({ step }) => step?.detail),
      ),
    );
    expect(problems).toEqual([]);
  });
});

describe('broken code, led to where the same break of the protocol fails', () => {
  const broken = NAMES.filter((name) => name in BROKEN_CODE);

  it.each(broken)('follows all the way, and is caught: %s', async (name) => {
    const { bounds, violation } = BREAKS[name];
    const trace = traceOf(name);
    const expected = trace.map((step): Followed => ({ kind: 'same', step }));
    const { course, problems } = await replay(trace, expected, { bounds, ...BROKEN_CODE[name] });
    expect(course).toEqual(
      tell(
        trace,
        trace.map(({ detail }) => detail),
      ),
    );
    expect(problems).toContainEqual(expect.stringMatching(CAUGHT_BY[name] ?? violation));
  });
});

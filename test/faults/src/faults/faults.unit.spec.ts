import { FAULTS } from './catalogue';
import { type Claim, type Scene } from './fault';
import { withFurther } from './further-instances';
import { outcomeOfMeeting } from './meeting';
import { otherEnd } from './steps';
import { StepFault } from '../instrumented/step-fault';

describe('a trouble that only hurts who meets it', () => {
  const claims = (...all: readonly Claim[]): { claimed: ReadonlySet<Claim> } => ({ claimed: new Set(all) });

  it('is told when it was met', () => {
    expect(outcomeOfMeeting(claims(), 'bq-sink', 3, 'cut')).toEqual({ detail: 'cut' });
  });

  it('is a failure when nobody met it', () => {
    const { broken } = outcomeOfMeeting(claims(), 'bq-sink', 0, 'cut');
    expect(broken).toEqual(['it was not inflicted: bq-sink met nothing of it']);
    expect(outcomeOfMeeting(claims('pubsub-bridge', 'pubsub-emulator'), 'bq-sink', 0, 'cut').broken).toEqual(broken);
  });

  it.each<Claim>(['bq-sink', 'bq-sink~kafka', 'write-api', 'validator', 'kafka', 'order-generator~kafka'])(
    'is only told when another fault took %s away meanwhile',
    (claim) => {
      expect(outcomeOfMeeting(claims(claim), 'bq-sink', 0, 'cut')).toEqual({ detail: `cut, without ${claim}` });
    },
  );

  it.each(['bq-sink', 'pubsub-bridge'] as const)('claims %s with the wire that it only uses at a start', (app) => {
    const faults = FAULTS.filter(({ name }) => name.endsWith(` ${app}~bigquery`));
    expect(faults).toHaveLength(4);
    for (const { claims: claimed } of faults) expect(claimed).toEqual([`${app}~bigquery`, app]);
  });
});

describe('a wire that is only used at a start', () => {
  it('is bad while its service is killed and starts, and counts only what the start has met', async () => {
    const course: string[] = [];
    const proxy = {
      met: { connections: 0, chunks: 0 },
      set state({ kind }: { kind: string }) {
        course.push(kind);
        this.met = { connections: 5, chunks: 0 };
      },
      mend: () => course.push('open'),
    };
    const replace = (): Promise<void> => {
      course.push('replaced');
      setTimeout(() => {
        course.push('met');
        proxy.met = { connections: 6, chunks: 2 };
      });
      return Promise.resolve();
    };
    const stack = { wires: { 'bq-sink~bigquery': proxy }, instance: () => ({ replace }) };
    const scene = { stack, rng: { between: () => 0 }, claimed: new Set() } as unknown as Scene;
    const fault = FAULTS.find(({ name }) => name === 'cut bq-sink~bigquery');
    expect(await fault?.inflict(scene)).toEqual({ detail: 'cut for 0 ms, met by 1 connections and 2 chunks' });
    expect(course).toEqual(['cut', 'replaced', 'met', 'open']);
  });
});

describe('a death at a step', () => {
  it('is told before it comes, the time that it is to come', () => {
    const told: string[] = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
    jest.spyOn(process, 'kill').mockImplementation((_pid, signal) => {
      told.push(String(signal));
      return true;
    });
    try {
      const fault = new StepFault({ step: 'committed', nth: 2, action: 'kill' });
      for (const step of ['committed', 'fenced']) fault.reach(step);
      expect(told).toEqual([]);
      for (const step of ['committed', 'committed']) fault.reach(step);
      const notice = StepFault.notice(process.pid, { step: 'committed', nth: 2 });
      expect(told).toEqual([`${notice}\n`, 'SIGKILL']);
    } finally {
      jest.restoreAllMocks();
    }
  });

  it('is one by SIGKILL that the log tells of, and no other end', () => {
    expect(otherEnd({ code: null, signal: 'SIGKILL' }, true)).toBeUndefined();
    expect(otherEnd({ code: null, signal: 'SIGKILL' }, false)).toBe(
      'it was ended by SIGKILL, and its log does not name the step',
    );
    expect(otherEnd({ code: 0, signal: null }, true)).toBe('it exited with code 0');
    expect(otherEnd({ code: 1, signal: null }, false)).toContain('exited with code 1');
  });
});

describe('further instances', () => {
  /** Instances that note what they are told; the work, or one of them, may fail. */
  async function notes(failing: 'nothing' | 'ready 3' | 'up 3' | 'work'): Promise<string[]> {
    const noted: string[] = [];
    const note = async (what: string): Promise<void> => {
      noted.push(what);
      if (what === failing) throw new Error(what);
      return Promise.resolve();
    };
    const stack = {
      instance: (_app: string, number = 1) => ({
        up: () => note(`up ${String(number)}`),
        ready: () => note(`ready ${String(number)}`),
        downHard: () => note(`down ${String(number)}`),
      }),
    };
    const done = withFurther({ stack }, 'validator', [2, 3], () => note('work'));
    if (failing === 'nothing') await done;
    else await expect(done).rejects.toThrow(failing);
    return noted;
  }

  it('are up and ready for the work, and down behind it', async () => {
    expect(await notes('nothing')).toEqual([
      'up 2',
      'up 3',
      'ready 1',
      'ready 2',
      'ready 3',
      'work',
      'down 2',
      'down 3',
    ]);
  });

  it.each(['up 3', 'ready 3', 'work'] as const)('are down when %s fails', async (failing) => {
    expect((await notes(failing)).slice(-2)).toEqual(['down 2', 'down 3']);
  });
});

/** What a process does to itself at a step of its protocol. */
export interface StepFaultSettings {
  readonly step: string;
  /** At which occurrence of the step, over all partitions, from 1. */
  readonly nth: number;
  readonly action: 'kill' | 'freeze';
}

const SIGNALS = { kill: 'SIGKILL', freeze: 'SIGSTOP' } as const;

/** Kills or freezes this process at the n-th occurrence of a step. */
export class StepFault {
  private reached = 0;

  constructor(private readonly settings: StepFaultSettings | undefined) {}

  static fromEnvironment(env: NodeJS.ProcessEnv): StepFault {
    const { FAULT_STEP: step, FAULT_NTH: nth = '1', FAULT_ACTION: action = 'kill' } = env;
    if (step === undefined) return new StepFault(undefined);
    return new StepFault({ step, nth: Number(nth), action: action === 'freeze' ? 'freeze' : 'kill' });
  }

  static environment({ step, nth, action }: StepFaultSettings): NodeJS.ProcessEnv {
    return { FAULT_STEP: step, FAULT_NTH: String(nth), FAULT_ACTION: action };
  }

  /** What a process logs before it kills or freezes itself. */
  static notice(pid: number | undefined, { step, nth }: Pick<StepFaultSettings, 'step' | 'nth'>): string {
    return `process ${String(pid)} has reached "${step}", occurrence ${String(nth)}`;
  }

  /** Whether this was the occurrence. After a freeze it returns when the process continues. */
  reach(step: string): boolean {
    if (step !== this.settings?.step || ++this.reached !== this.settings.nth) return false;
    // The log is a file: the write ends before the signal.
    process.stderr.write(`${StepFault.notice(process.pid, this.settings)}\n`);
    process.kill(process.pid, SIGNALS[this.settings.action]);
    return true;
  }
}

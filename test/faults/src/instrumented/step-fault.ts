/** What a process does to itself at a step of its protocol. */
export interface StepFaultSettings {
  readonly step: string;
  /** The how-manieth time that the step is reached, over all partitions, from 1. */
  readonly nth: number;
  readonly action: 'kill' | 'freeze';
}

const SIGNALS = { kill: 'SIGKILL', freeze: 'SIGSTOP' } as const;

/** Kills or freezes this process the n-th time that it reaches a step. */
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

  /** What a process says before it does it. */
  static notice(pid: number | undefined, { step, nth }: Pick<StepFaultSettings, 'step' | 'nth'>): string {
    return `process ${String(pid)} has come to "${step}", time ${String(nth)}`;
  }

  reach(step: string): void {
    if (step !== this.settings?.step || ++this.reached !== this.settings.nth) return;
    // Written at once: the log is a file.
    process.stderr.write(`${StepFault.notice(process.pid, this.settings)}\n`);
    process.kill(process.pid, SIGNALS[this.settings.action]);
  }
}

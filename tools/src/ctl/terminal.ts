/** What a command reads and writes. Tests replace it. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly input: Input;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C, SIGTERM, or when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after this time, or when `signal` is aborted. */
  readonly delay: (ms: number) => Promise<void>;
}

export interface Output {
  readonly isTty: boolean;
  /** Width in columns; undefined where it is not a terminal. */
  readonly columns: number | undefined;
  write(text: string): void;
}

export interface Input {
  readonly isTty: boolean;
  /** One line; undefined at the end of the input. */
  line(signal: AbortSignal): Promise<string | undefined>;
  /** Everything, up to `maxBytes`. */
  all(maxBytes: number): Promise<string>;
}

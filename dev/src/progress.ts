/** Progress messages on standard error. Standard output is for results. */
export interface Progress {
  line(text: string): void;
  /** Updates the last line. A terminal overwrites it; any other output gets a new line. */
  live(text: string): void;
  /** Leaves the live line as it is. Later lines go below it. */
  endLive(): void;
  /** Runs a step and prints its duration. While it runs, the latest text given to `note` is printed every 5 s. */
  step<T>(title: string, work: Work<T>): Promise<T>;
}

type Work<T> = (note: (text: string) => void) => Promise<T>;

const NOTE_INTERVAL_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

export function createProgress(out: NodeJS.WriteStream): Progress {
  let live = '';
  const line = (text: string): void => {
    out.write(live === '' ? `${text}\n` : `${CLEAR_LINE}${text}\n${live}`);
  };
  return {
    line,
    live(text) {
      if (!out.isTTY) {
        out.write(`${text}\n`);
        return;
      }
      live = text.slice(0, out.columns - 1);
      out.write(`${CLEAR_LINE}${live}`);
    },
    endLive() {
      if (live !== '') out.write('\n');
      live = '';
    },
    async step(title, work) {
      const startedAt = performance.now();
      const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1);
      let note = '';
      const timer = setInterval(() => {
        line(`  ${title}: ${seconds()} s${note === '' ? '' : `, ${note}`}`);
      }, NOTE_INTERVAL_MS);
      try {
        const result = await work((text) => {
          note = text.length > 100 ? `${text.slice(0, 99)}…` : text;
        });
        line(`  ${title}: done in ${seconds()} s`);
        return result;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Says on standard error what goes on. Standard output is for results. */
export interface Progress {
  /** One line that stays. */
  line(text: string): void;
  /** The line that is always last and always new: on a terminal it is written over, elsewhere it is a line like any other. */
  live(text: string): void;
  /** The live line stays as it is; what follows goes below it. */
  endLive(): void;
  /** Runs a step and says how long it took. While it runs, what `note` last said is shown now and then. */
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

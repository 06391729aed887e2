/** Says on standard error what goes on. Standard output is for results. */
export interface Progress {
  line(text: string): void;
  /** Runs a step and says how long it took. While it runs, what `note` last said is shown now and then. */
  step<T>(title: string, work: Work<T>): Promise<T>;
}

type Work<T> = (note: (text: string) => void) => Promise<T>;

const NOTE_INTERVAL_MS = 5_000;

/** One plain line per event. `quiet` drops everything. */
export function createProgress(out: NodeJS.WritableStream, { quiet = false } = {}): Progress {
  const line = (text: string): void => {
    if (!quiet) out.write(`${text}\n`);
  };
  return {
    line,
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

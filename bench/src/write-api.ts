import { BenchProcess } from './bench-process';
import { freePort } from './free-port';

const START_DEADLINE_MS = 15_000;

/** A Write API server that checks offsets and counts rows, in its own process, so that its CPU time is not measured. */
export class CountingWriteApi {
  private constructor(
    private readonly process: BenchProcess,
    /** `host:port` */
    readonly endpoint: string,
    private readonly control: string,
  ) {}

  static async start(folder: string): Promise<CountingWriteApi> {
    const [port, controlPort] = [String(await freePort()), String(await freePort())];
    const args = ['--port', port, '--control-port', controlPort];
    const process = new BenchProcess('write-api-server', 'test/write-api-server/src/main.js', {}, folder, args);
    const server = new CountingWriteApi(process, `127.0.0.1:${port}`, `http://127.0.0.1:${controlPort}`);
    const deadline = performance.now() + START_DEADLINE_MS;
    for (;;) {
      process.assertAlive();
      try {
        await server.rows();
        return server;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Rows received so far. */
  async rows(): Promise<number> {
    const answer = await fetch(`${this.control}/counts`);
    return ((await answer.json()) as { rows: number }).rows;
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { z } from 'zod';

/** A pipeline of which the project has a trigger. */
const TRIGGERED = 'load_batch_to_bq';
const ANSWER_TIMEOUT_MS = 30_000;
const START_WITHIN_MS = 180_000;
const RUN_WITHIN_MS = 300_000;

const blockRun = z.object({
  block_uuid: z.string(),
  status: z.string(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
});
const pipelineRun = z.object({ id: z.number(), status: z.string(), block_runs: z.array(blockRun).optional() });
const schedule = z.object({
  id: z.number(),
  name: z.string(),
  token: z.string().nullish(),
  schedule_type: z.string(),
  schedule_interval: z.string().nullish(),
  status: z.string(),
});
export type PipelineRun = z.infer<typeof pipelineRun>;
export type Schedule = z.infer<typeof schedule>;

/** A server of Mage with its scheduler, in a process group of its own. */
export class MageServer {
  private child: ChildProcess | undefined;
  private readonly url: string;

  constructor(
    private readonly options: {
      readonly python: string;
      readonly project: string;
      readonly port: number;
      readonly env: NodeJS.ProcessEnv;
      readonly log: string;
      readonly signal: AbortSignal;
    },
  ) {
    this.url = `http://127.0.0.1:${String(options.port)}`;
  }

  async start(): Promise<void> {
    const { python, project, port, env, log, signal } = this.options;
    const output = openSync(log, 'a');
    this.child = spawn(
      python,
      [join(project, 'start.py'), 'start', project, '--host', '127.0.0.1', '--port', String(port)],
      {
        env,
        detached: true,
        stdio: ['ignore', output, output],
      },
    );
    closeSync(output);
    // It answers before its database has all columns. Its scheduler reads the triggers of the project after that.
    const isReady = async (): Promise<boolean> => (await this.schedules(TRIGGERED)).length > 0;
    await waitUntil(isReady, {
      what: `Mage to have read the trigger of ${TRIGGERED} (log: ${log})`,
      deadlineMs: START_WITHIN_MS,
      intervalMs: 500,
      signal,
    });
  }

  /** Sends SIGKILL to the server, its scheduler, and the block that it runs. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }

  /** The triggers of a pipeline: those of its file, once the scheduler has read it. */
  async schedules(pipeline: string): Promise<readonly Schedule[]> {
    const answer = await this.request('GET', `/api/pipelines/${pipeline}/pipeline_schedules`);
    return z.object({ pipeline_schedules: z.array(schedule) }).parse(answer).pipeline_schedules;
  }

  /** A trigger that starts the pipeline on request. */
  async createTrigger(pipeline: string): Promise<Schedule> {
    const body = { pipeline_schedule: { name: `test of ${pipeline}`, schedule_type: 'api', status: 'active' } };
    const created = await this.request('POST', `/api/pipelines/${pipeline}/pipeline_schedules`, body);
    return z.object({ pipeline_schedule: schedule }).parse(created).pipeline_schedule;
  }

  async deactivate({ id }: Schedule): Promise<void> {
    const body = { pipeline_schedule: { id, status: 'inactive' } };
    await this.request('PUT', `/api/pipeline_schedules/${String(id)}`, body);
  }

  async trigger({ id, token }: Schedule, variables: object): Promise<PipelineRun> {
    const path = `/api/pipeline_schedules/${String(id)}/pipeline_runs/${token ?? ''}`;
    const answer = await this.request('POST', path, { pipeline_run: { variables } });
    return z.object({ pipeline_run: pipelineRun }).parse(answer).pipeline_run;
  }

  /** Starts the blocks of a run that have not succeeded. */
  async retry({ id }: PipelineRun): Promise<void> {
    const body = { pipeline_run: { id, pipeline_run_action: 'retry_blocks' } };
    await this.request('PUT', `/api/pipeline_runs/${String(id)}`, body);
  }

  async run(id: number): Promise<PipelineRun> {
    const answer = await this.request('GET', `/api/pipeline_runs/${String(id)}`);
    return z.object({ pipeline_run: pipelineRun }).parse(answer).pipeline_run;
  }

  /** Waits for the end of a run. */
  ended(id: number): Promise<PipelineRun> {
    const isEnd = ({ status }: PipelineRun): boolean => status === 'completed' || status === 'failed';
    return this.waitFor(id, `run ${String(id)} of Mage to end`, isEnd);
  }

  /** Waits until a block of a run has begun. */
  begun(id: number, block: string): Promise<PipelineRun> {
    return this.waitFor(id, `block ${block} of run ${String(id)} to begin`, ({ block_runs: blocks = [] }) =>
      blocks.some(({ block_uuid: uuid, status }) => uuid === block && status === 'running'),
    );
  }

  private waitFor(id: number, what: string, condition: (run: PipelineRun) => boolean): Promise<PipelineRun> {
    const { signal, log } = this.options;
    const check = async (): Promise<PipelineRun | false> => {
      const run = await this.run(id);
      return condition(run) && run;
    };
    return waitUntil(check, { what: `${what} (log: ${log})`, deadlineMs: RUN_WITHIN_MS, intervalMs: 300, signal });
  }

  private async request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer: unknown = JSON.parse(text);
    const { error } = z.object({ error: z.unknown().optional() }).parse(answer);
    if (!response.ok || error !== undefined) {
      throw new Error(`${method} ${path} answered ${String(response.status)}: ${text.slice(0, 500)}`);
    }
    return answer;
  }
}

import { type RunObserver } from '../runs/runner';
import { type BlockName, type BlockRecord, rangeText, type RunRecord, totalOf } from '../runs/run';

const WIDTH = 30;
const MIN_INTERVAL_MS = 200;

/** The output of a terminal, or of a file: then there is no bar, and a line per block. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows the blocks of a run, and how far the current one is. */
export class ProgressBar implements RunObserver {
  private drawnAtMs = -Infinity;
  private hasBar = false;

  constructor(
    private readonly terminal: Terminal,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  started({ id, plan }: RunRecord): void {
    this.line(`${id}: ${plan.pipeline}, ${rangeText(plan.range)}`);
  }

  progress(_run: RunRecord, block: BlockName, done: number, total: number | undefined): void {
    if (this.terminal.isTTY !== true || total === undefined || total === 0) return;
    if (this.clock() - this.drawnAtMs < MIN_INTERVAL_MS) return;
    this.drawnAtMs = this.clock();
    const share = Math.min(1, Math.max(0, done / total));
    const filled = Math.round(share * WIDTH);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`;
    this.terminal.write(`\r\u001b[K  ${block} [${bar}] ${Math.floor(share * 100)} %`);
    this.hasBar = true;
  }

  blockEnded(_run: RunRecord, block: BlockName, record: BlockRecord): void {
    this.line(`  ${block}: ${blockText(record)}`);
  }

  ended({ id, state, error }: RunRecord): void {
    this.line(`${id}: ${state}${error === undefined ? '' : `: ${error}`}`);
  }

  private line(text: string): void {
    this.terminal.write(`${this.hasBar ? '\r\u001b[K' : ''}${text}\n`);
    this.hasBar = false;
    this.drawnAtMs = -Infinity;
  }
}

/** `3,000 rows in, 2,990 out, 10 rejected (duplicate.order 10), 1.2 s` */
export function blockText({ attempt, state, startedAt, endedAt, output, error }: BlockRecord): string {
  const seconds = endedAt === undefined ? 0 : (Date.parse(endedAt) - Date.parse(startedAt)) / 1_000;
  const time = `${seconds.toFixed(1)} s${attempt === 1 ? '' : `, attempt ${attempt}`}`;
  if (output === undefined) return `${state}${error === undefined ? '' : `: ${error}`} (${time})`;
  const { rowsIn, rowsOut, rejected } = output;
  const count = (value: number): string => value.toLocaleString('en-US');
  const reasons = Object.entries(rejected).map(([rule, rows]) => `${rule} ${count(rows)}`);
  const rejects = reasons.length === 0 ? '' : `, ${count(totalOf(rejected))} rejected (${reasons.join(', ')})`;
  return `${rowsIn === 0 ? '' : `${count(rowsIn)} rows in, `}${count(rowsOut)} out${rejects}, ${time}`;
}

import { escaped } from '@orderstream/terminal';
import { type Output } from '../terminal';
import { fitted } from './display-width';
import { formatCount } from './table';

const BAR_COLUMNS = 24;
const CLEAR_LINE = '\r\u001b[2K';
/** Off a terminal, a line for each tenth of the way is enough. */
const STEPS = 10;

export interface BarState {
  /** What is under way, and its state: `replay 4f2a running`. */
  readonly title: string;
  readonly done: number;
  readonly total: number;
  readonly perSecond?: number | undefined;
  /** What is said behind the bar. */
  readonly remark: string;
}

/** A progress bar on standard error: one line that changes on a terminal, a line for each tenth elsewhere. */
export class ProgressBar {
  private isLive = false;
  private lastStep = '';

  constructor(private readonly out: Output) {}

  update(state: BarState): void {
    const { title, done, total } = state;
    if (this.out.isTty) {
      this.out.write(`${CLEAR_LINE}${fitted(barLine(state), (this.out.columns ?? 80) - 1)}`);
      this.isLive = true;
      return;
    }
    const step = `${title} ${total === 0 ? 0 : Math.floor((done / total) * STEPS)}`;
    if (step === this.lastStep) return;
    this.lastStep = step;
    this.out.write(`${barLine(state)}\n`);
  }

  /** Leaves the last state on the screen; further lines come below it. */
  end(): void {
    if (this.isLive) this.out.write('\n');
    this.isLive = false;
  }
}

function barLine({ title, done, total, perSecond, remark }: BarState): string {
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const filled = Math.floor(share * BAR_COLUMNS);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_COLUMNS - filled)}]`;
  const left = perSecond === undefined || perSecond <= 0 ? undefined : (total - done) / perSecond;
  const texts = [
    `${escaped(title)}  ${bar} ${Math.floor(share * 100)} %`,
    `${formatCount(done)}/${formatCount(total)}`,
    perSecond === undefined ? '' : `${formatCount(perSecond)}/s`,
    left === undefined || left <= 0 ? '' : `${formatDuration(left)} left`,
    escaped(remark),
  ];
  return texts.filter((text) => text !== '').join('  ');
}

/** `90 s`, `12 min`, `3.5 h` */
function formatDuration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

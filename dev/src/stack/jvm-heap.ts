import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

const TAIL_BYTES = 4_096;
/**
 * Share of the young generation. The heap is measured only at a collection, which takes place whenever the young generation
 * is full: with Java's default of a third, the measured use jumped from below 70 % to 96 %.
 */
const YOUNG_SHARE = 1 / 16;
/** `GC(29) Pause Full (Allocation Failure) 92M->83M(92M) 316.932ms`: before, after, capacity. */
const COLLECTION = /GC\(\d+\) Pause .* \d+M->(\d+)M\(\d+M\)/g;

/**
 * The heap of a Java process, measured by the log of its garbage collector, which every Java runtime from 9 on can write
 * (JEP 158); jstat and jcmd exist only in a JDK. The resident memory of the process says less: it includes garbage, and
 * never shrinks. What is used after a collection is an upper bound of what the program still holds.
 */
export class JvmHeap {
  /**
   * @param folder where the process runs
   * @param log name of the file in the folder
   */
  constructor(
    readonly maxMb: number,
    readonly folder: string,
    private readonly log: string,
  ) {}

  /** Options of the process. Java truncates the log at each start. */
  get options(): readonly string[] {
    const youngMb = Math.ceil(this.maxMb * YOUNG_SHARE);
    return [`-Xmx${String(this.maxMb)}m`, `-Xmn${String(youngMb)}m`, `-Xlog:gc:file=${this.log}:uptime:filecount=0`];
  }

  /** Share of the maximum in use after the last collection, 0 to 1; undefined before the first one. */
  usedShare(): number | undefined {
    const usedMb = [...tailOf(join(this.folder, this.log)).matchAll(COLLECTION)].at(-1)?.[1];
    return usedMb === undefined ? undefined : Number(usedMb) / this.maxMb;
  }
}

function tailOf(path: string): string {
  if (!existsSync(path)) return '';
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, TAIL_BYTES);
    const buffer = Buffer.alloc(length);
    readSync(file, buffer, 0, length, size - length);
    return buffer.toString('latin1');
  } finally {
    closeSync(file);
  }
}

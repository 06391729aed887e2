import { protos } from '@google-cloud/bigquery-storage';

const { AppendRowsRequest } = protos.google.cloud.bigquery.storage.v1;

/** Where the rows of an append go. */
export interface AppendTarget {
  readonly stream: string;
  readonly offset: number;
  readonly rows: number;
}

export function targetOf(request: Buffer): AppendTarget {
  const { writeStream, offset, protoRows } = AppendRowsRequest.decode(request);
  return {
    stream: writeStream,
    offset: Number(offset?.value ?? 0),
    rows: protoRows?.rows?.serializedRows?.length ?? 0,
  };
}

interface DelayedAppend extends AppendTarget {
  /** Forwards the append. Resolves when it was answered. */
  readonly send: () => Promise<void>;
}

/** The `out-of-order` fault: a rejected append of one stream, and the delayed appends behind it. */
export class OutOfOrderAppends {
  private rejected: { readonly call: object; readonly stream: string } | undefined;
  /** Delayed appends, each with the timer that ends its delay. */
  private readonly waiting = new Map<DelayedAppend, NodeJS.Timeout>();
  private queue = Promise.resolve();
  private delayed = 0;
  private answered = 0;

  constructor(private readonly fault: { readonly delayMs: number; readonly table: string }) {}

  /** Whether appends were delayed, and all of them are answered by now. */
  get haveLanded(): boolean {
    return this.delayed > 0 && this.answered === this.delayed;
  }

  /** Whether the append goes to the affected stream: the first of the table that is appended to. */
  affects(call: object, { stream }: AppendTarget): boolean {
    if (this.rejected === undefined && stream.includes(`/tables/${this.fault.table}/`)) return true;
    return this.rejected?.stream === stream || this.rejected?.call === call;
  }

  /** Whether this is the append that is rejected: the first. */
  rejects(call: object, { stream }: AppendTarget): boolean {
    if (this.rejected !== undefined) return false;
    this.rejected = { call, stream };
    return true;
  }

  /** Whether the appends of this call are delayed. */
  delays(call: object): boolean {
    return this.rejected?.call === call;
  }

  delay(append: DelayedAppend): void {
    this.delayed++;
    const timer = setTimeout(() => {
      void this.land(append);
    }, this.fault.delayMs);
    this.waiting.set(append, timer);
  }

  /** Sends an append of another connection and waits for its answer. Then sends the delayed append that follows it. */
  sendInOrder(target: AppendTarget, send: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(async () => {
      await send();
      const next = [...this.waiting.keys()].find(({ offset }) => offset === target.offset + target.rows);
      if (next !== undefined) await this.land(next);
    });
    return this.queue;
  }

  private async land(append: DelayedAppend): Promise<void> {
    clearTimeout(this.waiting.get(append));
    this.waiting.delete(append);
    await append.send();
    this.answered++;
  }
}

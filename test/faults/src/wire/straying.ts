import { protos } from '@google-cloud/bigquery-storage';

const { AppendRowsRequest } = protos.google.cloud.bigquery.storage.v1;

/** Where the rows of an append go. */
export interface Place {
  readonly stream: string;
  readonly offset: number;
  readonly rows: number;
}

export function placeOf(request: Buffer): Place {
  const { writeStream, offset, protoRows } = AppendRowsRequest.decode(request);
  return {
    stream: writeStream,
    offset: Number(offset?.value ?? 0),
    rows: protoRows?.rows?.serializedRows?.length ?? 0,
  };
}

interface Strayer extends Place {
  /** Lets it turn up; resolves when it was answered. */
  readonly turnUp: () => Promise<void>;
}

/** Appends to one stream on their way somewhere between the sink and BigQuery. */
export class Straying {
  private culprit: { readonly call: object; readonly stream: string } | undefined;
  private lost: Strayer[] = [];
  private turn = Promise.resolve();

  constructor(private readonly weather: { readonly strayMs: number; readonly table: string }) {}

  /** Whether it goes to the stream that is in trouble: the first of the table that is appended to. */
  concerns(call: object, { stream }: Place): boolean {
    if (this.culprit === undefined && stream.includes(`/tables/${this.weather.table}/`)) return true;
    return this.culprit?.stream === stream || this.culprit?.call === call;
  }

  /** Whether this is the append that is rejected. */
  rejects(call: object, { stream }: Place): boolean {
    if (this.culprit !== undefined) return false;
    this.culprit = { call, stream };
    return true;
  }

  losesOf(call: object): boolean {
    return this.culprit?.call === call;
  }

  lose(strayer: Strayer): void {
    this.lost.push(strayer);
    setTimeout(() => {
      if (this.lost.includes(strayer)) void this.turnUp(strayer);
    }, this.weather.strayMs);
  }

  /** Sends one append of another connection and waits for its answer; then whatever fits the new end turns up. */
  pass(place: Place, send: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(async () => {
      await send();
      const fitting = this.lost.find(({ offset }) => offset === place.offset + place.rows);
      if (fitting !== undefined) await this.turnUp(fitting);
    });
    return this.turn;
  }

  private async turnUp(strayer: Strayer): Promise<void> {
    this.lost = this.lost.filter((each) => each !== strayer);
    await strayer.turnUp();
  }
}

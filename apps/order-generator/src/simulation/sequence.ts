import { makeDefect } from '../defects';
import { type Epoch, timeOf } from './epochs';
import { Marketplace, type MarketplaceIdentity, type MarketplaceState } from './marketplace';
import { type Pools } from './pools';
import { encode, type SimulatedRecord } from './record';
import { type Scenario } from './scenarios/scenario';

/** A sequence between two of its records. */
export interface SequenceState {
  readonly nextSeq: number;
  /** Virtual time of the last record, milliseconds since 1970; 0 before the first. */
  readonly lastMs: number;
  readonly epoch: Epoch;
  readonly marketplace: MarketplaceState;
}

/** Share of good records that are kept in memory to be told again. */
const RETOLD_SHARE = 1 / 16;

/**
 * The records of a generation, one after the other: good ones from the marketplace, and here and there a bad one. Content is
 * a function of (generation, seed, scenario, epochs, sequence number); a sequence that is restored goes on like the one
 * whose state it was. The first epoch has to be set before the first record.
 *
 * Hot: 50,000 records a second and more on one core, encoded.
 */
export class Sequence {
  readonly market: Marketplace;
  private seq: number;
  private toldUntilMs: number;
  private current: Epoch | undefined;

  /** @param start where in the ledger's sequence, and since when, this one begins */
  constructor(
    readonly identity: MarketplaceIdentity,
    pools: Pools,
    scenario: Scenario,
    start: { readonly seq: number; readonly notBeforeMs: number } = { seq: 0, notBeforeMs: 0 },
  ) {
    this.seq = start.seq;
    this.toldUntilMs = start.notBeforeMs;
    this.market = new Marketplace(identity, pools, scenario);
  }

  get nextSeq(): number {
    return this.seq;
  }

  /** Virtual time of the last record, milliseconds since 1970; 0 before the first. */
  get lastMs(): number {
    return this.toldUntilMs;
  }

  get epoch(): Epoch {
    if (this.current === undefined) throw new Error('the first epoch has not begun');
    return this.current;
  }

  /** Goes on by another clock. @throws RangeError unless it begins at the next record, no earlier than the last one */
  begin(epoch: Epoch): void {
    if (epoch.firstSeq !== this.seq) {
      throw new RangeError(`epoch of ${epoch.firstSeq.toString()} begins at ${this.seq.toString()}`);
    }
    if (epoch.startMs < this.toldUntilMs) throw new RangeError(`time runs backwards at ${this.seq.toString()}`);
    this.current = epoch;
    if (epoch.doubtFrom !== undefined) this.market.retire(epoch.doubtFrom);
  }

  next(): SimulatedRecord {
    const { epoch, market, seq } = this;
    const nowMs = timeOf(epoch, seq);
    this.seq = seq + 1;
    this.toldUntilMs = nowMs;
    market.advance(seq);
    if (epoch.defectRate > 0 && market.rng.chance(epoch.defectRate)) {
      const bad = makeDefect({ market, seq, nowMs });
      if (bad !== undefined) return bad;
    }
    const record = encode(market.tell(seq, nowMs));
    if (market.rng.chance(RETOLD_SHARE)) market.memory.addTold({ record, occurredAtMs: nowMs });
    return record;
  }

  get state(): SequenceState {
    return { nextSeq: this.seq, lastMs: this.toldUntilMs, epoch: this.epoch, marketplace: this.market.state };
  }

  restore(state: SequenceState): void {
    this.seq = state.nextSeq;
    this.toldUntilMs = state.lastMs;
    this.current = state.epoch;
    this.market.restore(state.marketplace);
  }
}

export interface Verdicts {
  accepted: number;
  repaired: number;
  skipped: number;
  deadLettered: number;
}

/** What a run comes to. Counts are of this run's records unless they say otherwise. */
export interface Accounts extends Readonly<Verdicts> {
  /** Intents in the ledger, bad and repeated ones included. */
  readonly generated: number;
  /** Intents that were never acknowledged and are not in the log. */
  readonly unsent: number;
  /** Rows by table; `streaming_orders` counts distinct events. */
  readonly tables: Readonly<Record<string, number>>;
  /** Records that are not where they must be, once for each place. */
  readonly missing: number;
  /** Of the missing, rows behind which the sink has committed its position: they are not late, they will not come. */
  readonly missingBelowCommit: number;
  /** Copies too many, once for each copy. */
  readonly duplicated: number;
  /** Records in the raw topics that are not of this run; they are followed all the same. */
  readonly foreign: number;
  /** Of the records that are not of this run, those that were planted to be rejected. */
  readonly planted: number;
  /** What came of the records that are not of this run. */
  readonly foreignVerdicts: Readonly<Verdicts>;
  /** Found, and nothing explains it: an output without an input, a row of no record, a record that nobody meant to send. */
  readonly unexplained: number;
  /** Validated, and then rejected by the sink or the bridge: in their dead letters instead of the table. */
  readonly rejected: number;
  /** Deliveries to `streaming_orders` beyond the first: at least once allows them. */
  readonly redelivered: number;
  /** Records of a partition that came out in another order than they went in. */
  readonly outOfOrder: number;
  readonly wrongVerdicts: number;
  /** The first few of each kind of trouble, in words. */
  readonly examples: readonly string[];
}

/** Whether nothing is left to explain. `rejected` is nothing to explain for records of others. */
export function isAccountedFor(accounts: Accounts): boolean {
  const { accepted, repaired, skipped, deadLettered, unsent, generated } = accounts;
  return (
    accepted + repaired + skipped + deadLettered + unsent === generated &&
    accounts.missing === 0 &&
    accounts.duplicated === 0 &&
    accounts.unexplained === 0 &&
    accounts.outOfOrder === 0 &&
    accounts.wrongVerdicts === 0
  );
}

export interface Verdicts {
  accepted: number;
  repaired: number;
  skipped: number;
  deadLettered: number;
}

/** What the validator counts: its verdicts, and the records that an operator's `set-position` has left out. */
export interface Counters extends Verdicts {
  passedOver: number;
}

/** The result of a comparison, as counts of this run's records unless a field says otherwise. */
export interface Accounts extends Readonly<Verdicts> {
  /** Records of the journal's segments, including the announcements of the catalog, defects and duplicates. */
  readonly generated: number;
  /** Of the generated records, those that announce the catalog at the start of a segment. */
  readonly announced: number;
  /** Records that were never acknowledged and are not in the log. 0 after the generator has stopped by itself. */
  readonly unsent: number;
  /** Further copies of records that the generator has sent again because it did not know the outcome. */
  readonly resent: number;
  /** Rows by table; `streaming_orders` counts distinct events, `dead_letters` the rejected records of everybody. */
  readonly tables: Readonly<Record<string, number>>;
  /** Records that are not where they must be, counted once for each place. */
  readonly missing: number;
  /** Of the missing, rows below the sink's committed offset. They are lost, not late. */
  readonly missingBelowCommit: number;
  /** Surplus copies. */
  readonly duplicated: number;
  /** Records in the raw topics that are not of this run. They are followed like the others. */
  readonly foreign: number;
  /** Of the foreign records, those that were planted and have a verdict. */
  readonly planted: number;
  /** Planted records of raw and validated topics that an operator has passed over, as they must be. */
  readonly passedOver: number;
  /** Verdicts on the foreign records. */
  readonly foreignVerdicts: Readonly<Verdicts>;
  /** Outputs without an input, rows without a record, rows with other content than the event, records that the journal does not have. */
  readonly unexplained: number;
  /** Validated records that the sink or the bridge rejected: they are in its dead letters instead of the table. */
  readonly rejected: number;
  /** Deliveries to `streaming_orders` beyond the first: at least once allows them. */
  readonly redelivered: number;
  /** Records of a partition whose outputs are in another order than the inputs. */
  readonly outOfOrder: number;
  readonly wrongVerdicts: number;
  /** The first differences of each kind, as sentences. */
  readonly examples: readonly string[];
}

/** Whether every record of the run has its verdict and nothing is missing or surplus. `rejected` alone does not count. */
export function isAccountedFor(accounts: Accounts): boolean {
  const { accepted, repaired, skipped, deadLettered, unsent, generated, resent } = accounts;
  return (
    accepted + repaired + skipped + deadLettered + unsent === generated + resent &&
    accounts.missing === 0 &&
    accounts.duplicated === 0 &&
    accounts.unexplained === 0 &&
    accounts.outOfOrder === 0 &&
    accounts.wrongVerdicts === 0
  );
}

import { type Accounts, Comparison, ExpectedRecords, isAccountedFor } from '@orderstream/ledger';

/** The result of comparing the computed records with topics and tables. */
export interface Verdict {
  readonly accounts: Accounts;
  readonly counterDifferences: readonly string[];
  /** Why the comparison did not wait any longer for the pipeline to drain. Undefined: it has drained. */
  readonly stalled: string | undefined;
  /** Records in the sink's dead letters whose rows were not rejected by the Write API. */
  readonly wronglyRejected: number;
  /** Records in the raw topics that neither the generator nor a fault has sent. Counted only over all rounds. */
  readonly ofUnknownOrigin: number;
  /** Records that Pub/Sub has acknowledged and lost. The bridge was rewound and has published them again. */
  readonly lostByPubSub: number;
}

/** Lost, doubled, out of order, unexplained and wrong verdicts are 0, and something was compared. */
export const isGreen = ({
  accounts,
  counterDifferences,
  stalled,
  wronglyRejected,
  ofUnknownOrigin,
}: Verdict): boolean =>
  stalled === undefined &&
  accounts.generated > 0 &&
  counterDifferences.length === 0 &&
  wronglyRejected === 0 &&
  ofUnknownOrigin === 0 &&
  isAccountedFor(accounts);

/** Without a comparison. Never green. */
export const noVerdict = (why: string): Verdict => ({
  accounts: new Comparison(new ExpectedRecords()).finish(),
  counterDifferences: [],
  stalled: why,
  wronglyRejected: 0,
  ofUnknownOrigin: 0,
  lostByPubSub: 0,
});

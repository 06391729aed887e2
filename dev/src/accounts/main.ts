import { resolve4 } from 'node:dns/promises';
import { createBigQuery } from '@orderstream/bigquery';
import { ConfigError, loadSettings } from '@orderstream/config';
import { FAMILIES } from '@orderstream/contracts';
import { createKafka } from '@orderstream/kafka';
import { NoProgressError, RunVerifier, startOfEverything, TableReader } from '@orderstream/ledger';
import { EXIT } from '../errors';
import { isGood, type RunResult, summaryJson, summaryLines } from '../run/summary';
import { ServiceClient } from '../stack/service-client';
import { generatorStatus, type ValidatorStatus, validatorStatus } from '../stack/service-status';
import { accountsSettings, type AccountsSettings } from './accounts.config';

/**
 * Compares everything that the generator has ever meant with what topics and tables hold: one line of JSON on standard
 * output, the same as text on standard error. With ACCOUNTS_EVENTS it first waits until that many events have arrived.
 *
 * Exit codes: 0 every event is accounted for; 1 some are not; 2 the configuration is invalid; 4 no progress for 60 s.
 */
async function printAccounts(): Promise<number> {
  const settings = loadSettings(accountsSettings);
  const { accounts, kafka, bigquery } = settings;
  const startedAt = performance.now();
  const generator = new ServiceClient(accounts.generatorUrl, accounts.token);
  const verifier = new RunVerifier({
    kafka: createKafka(kafka),
    tables: new TableReader(createBigQuery(bigquery), bigquery.dataset),
    generator: async () => generatorStatus.parse(await generator.status()),
    validator: () => statusOfValidators(settings),
    ledgerFolder: accounts.ledgerDir,
    signal: new AbortController().signal,
  });
  const opening = startOfEverything();
  let stalled: string | undefined;
  try {
    if (accounts.events > 0) await verifier.waitUntilDone(opening, accounts.events);
  } catch (error) {
    if (!(error instanceof NoProgressError)) throw error;
    stalled = error.message;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const result: RunResult = { ...(await verifier.compare(opening, true)), seconds, stalled };
  for (const line of summaryLines(result)) process.stderr.write(`${line}\n`);
  process.stdout.write(`${summaryJson(result)}\n`);
  if (stalled !== undefined) return EXIT.noProgress;
  return isGood(result) ? EXIT.ok : EXIT.notAccountedFor;
}

/** One status of all instances: each counts the partitions that are assigned to it. */
async function statusOfValidators({ accounts }: AccountsSettings): Promise<ValidatorStatus> {
  const url = new URL(accounts.validatorUrl);
  const addresses = await resolve4(url.hostname);
  const each = await Promise.all(
    addresses.map(async (address) => {
      const client = new ServiceClient(`${url.protocol}//${address}:${url.port}`, accounts.token);
      return validatorStatus.parse(await client.status());
    }),
  );
  const counters = FAMILIES.map((family) => {
    const sum: ValidatorStatus['accounting'][typeof family] = {
      input: 0,
      accepted: 0,
      repaired: 0,
      skipped: 0,
      deadLettered: 0,
      passedOver: 0,
      flagged: 0,
    };
    for (const { accounting } of each) {
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += accounting[family][name];
    }
    return [family, sum] as const;
  });
  return {
    accounting: Object.fromEntries(counters) as ValidatorStatus['accounting'],
    partitions: each.flatMap(({ partitions }) => partitions),
  };
}

printAccounts().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof ConfigError ? EXIT.usage : EXIT.notAccountedFor);
  },
);

import { type App } from '../stack/fault-stack';
import { type Claim } from './fault';

/** What a service needs to work and to drain. Without any of it, it makes no progress. */
const NEEDS: Readonly<Record<App, readonly Claim[]>> = {
  'order-generator': ['kafka', 'order-generator~kafka'],
  validator: ['kafka', 'validator~kafka'],
  'bq-sink': ['kafka', 'bq-sink~kafka', 'bigquery-emulator', 'bq-sink~bigquery', 'bq-sink~write-api', 'write-api'],
  'pubsub-bridge': ['kafka', 'pubsub-bridge~kafka', 'pubsub-emulator', 'pubsub-bridge~pubsub'],
  'subscription-emulator': [
    'pubsub-emulator',
    'subscription-emulator~pubsub',
    'bigquery-emulator',
    'subscription-emulator~bigquery',
  ],
};

/** What a service needs and another fault of the same moment claims. While there is any, the service may stall. */
export const unavailableTo = (app: App, claimed: ReadonlySet<Claim>): readonly Claim[] =>
  NEEDS[app].filter((need) => claimed.has(need));

/** The service whose output a service reads. */
const INPUTS: Readonly<Record<App, App | undefined>> = {
  'order-generator': undefined,
  validator: 'order-generator',
  'bq-sink': 'validator',
  'pubsub-bridge': 'validator',
  'subscription-emulator': 'pubsub-bridge',
};

/** Everything without which a service has nothing to do: itself, what it needs, and the same for all services upstream. */
export function dependenciesOf(app: App): ReadonlySet<Claim> {
  const input = INPUTS[app];
  return new Set<Claim>([app, ...NEEDS[app], ...(input === undefined ? [] : dependenciesOf(input))]);
}

import { type App } from '../stack/fault-stack';
import { type Claim } from './fault';

/** What a service talks to while it works and while it drains: with any of it taken away it comes to a stand. */
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

/** Of what it talks to, that which another fault of the same moment takes away: then it may come to a stand. */
export const takenFrom = (app: App, claimed: ReadonlySet<Claim>): readonly Claim[] =>
  NEEDS[app].filter((need) => claimed.has(need));

/** Whose output a service works on. */
const FEEDS: Readonly<Record<App, App | undefined>> = {
  'order-generator': undefined,
  validator: 'order-generator',
  'bq-sink': 'validator',
  'pubsub-bridge': 'validator',
  'subscription-emulator': 'pubsub-bridge',
};

/** What leaves a service without work when it is taken away: itself, what it talks to, and the same of all before it. */
export function dependenceOf(app: App): ReadonlySet<Claim> {
  const feed = FEEDS[app];
  return new Set<Claim>([app, ...NEEDS[app], ...(feed === undefined ? [] : dependenceOf(feed))]);
}

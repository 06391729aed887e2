import {
  bigquerySettings,
  defineSettings,
  kafkaSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';

/** Settings of the program `accounts` in docker-compose.yml. */
export const accountsSettings = defineSettings({
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'accounts' }),
  bigquery: bigquerySettings,
  accounts: defineSettings({
    events: settings.integer({
      env: 'ACCOUNTS_EVENTS',
      default: 0,
      min: 0,
      description: 'Events to wait for before the comparison; 0 compares at once.',
    }),
    token: settings.string({ env: 'ACCOUNTS_TOKEN', secret: true, description: 'Token of a viewer.' }),
    generatorUrl: settings.string({
      env: 'ACCOUNTS_GENERATOR_URL',
      default: 'http://order-generator:8080',
      description: 'The order generator.',
    }),
    validatorUrl: settings.string({
      env: 'ACCOUNTS_VALIDATOR_URL',
      default: 'http://validator:8080',
      description: 'The validator; all addresses of the name are asked.',
    }),
    ledgerDir: settings.string({
      env: 'GENERATOR_LEDGER_DIR',
      default: '.local/ledger',
      description: 'Directory of the ledger.',
    }),
  }),
});
export type AccountsSettings = SettingsOf<typeof accountsSettings>;

import { defineSettings, settings, type SettingsOf } from '@orderstream/config';

/** The environment of `npm run ctl`. All of it is optional. */
export const ctlSettings = defineSettings({
  url: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_URL',
      description:
        'Address of the console, such as `https://console.example`. Unset: the running local stack. `--url` overrides it.',
      pattern: /^https?:\/\/[^\s/]/,
      expected: 'an http or https URL',
    }),
  ),
  token: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_TOKEN',
      secret: true,
      description:
        'Bearer token of a viewer or an operator, needed with an address of your own. `--token-file` overrides it.',
      // What RFC 6750 allows in a bearer token.
      pattern: /^[\w.~+/-]+=*$/,
      expected: 'a bearer token',
    }),
  ),
  serviceUrls: settings.optional(
    settings.list({
      env: 'ORDERSTREAM_SERVICE_URLS',
      description:
        'Addresses of the services, such as `validator=https://validator.example,bq-sink=…`. `--service-url` overrides it.',
      item: /^[\w-]+=https?:\/\/[^\s/]/,
      expected: 'a comma-separated list of `<service>=<url>`',
    }),
  ),
  home: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_HOME',
      description: 'Folder of the local stack, where its `stack.json` is. Unset: `.local` in the repository.',
    }),
  ),
  noColor: settings.optional(
    settings.string({ env: 'NO_COLOR', description: 'Any value: no colours. They are used on a terminal only.' }),
  ),
});
export type CtlSettings = SettingsOf<typeof ctlSettings>;

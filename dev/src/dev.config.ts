import { defineSettings, settings, type SettingsOf } from '@orderstream/config';

/** What the local stack takes from the environment. All of it is optional: unset, everything is found or made. */
export const devSettings = defineSettings({
  home: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_HOME',
      description: 'Folder of data, logs and state of the local stack. Unset: `.local` in the repository.',
    }),
  ),
  anyPorts: settings.boolean({
    env: 'ORDERSTREAM_ANY_PORTS',
    default: false,
    description: 'Whether to listen on any free ports instead of the usual ones, beside another stack.',
  }),
  java: settings.optional(
    settings.string({ env: 'JAVA_HOME', description: 'Where Java 17 or newer is. Unset: the `java` on the PATH.' }),
  ),
  python: settings.optional(
    settings.string({ env: 'ORDERSTREAM_PYTHON', description: 'A Python 3.13 interpreter. Unset: it is looked for.' }),
  ),
  pubsubEmulatorJar: settings.optional(
    settings.string({
      env: 'PUBSUB_EMULATOR_JAR',
      description: "The Pub/Sub emulator's jar. Unset: it is looked for in the Google Cloud SDK.",
    }),
  ),
  pyenvRoot: settings.optional(
    settings.string({ env: 'PYENV_ROOT', description: 'Where pyenv keeps its versions. Unset: `~/.pyenv`.' }),
  ),
  cloudSdkRoot: settings.optional(
    settings.string({
      env: 'CLOUDSDK_ROOT_DIR',
      description: 'Where the Google Cloud SDK is. Unset: it is looked for.',
    }),
  ),
});
export type DevSettings = SettingsOf<typeof devSettings>;

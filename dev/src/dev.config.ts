import { defineSettings, settings, type SettingsOf } from '@orderstream/config';

/** Settings of the local stack. All of them are optional. */
export const devSettings = defineSettings({
  home: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_HOME',
      description: 'Folder for data, logs and state of the local stack. Unset: `.local` in the repository.',
    }),
  ),
  anyPorts: settings.boolean({
    env: 'ORDERSTREAM_ANY_PORTS',
    default: false,
    description: 'Whether to listen on any free ports instead of the default ones, so that two stacks can run.',
  }),
  java: settings.optional(
    settings.string({ env: 'JAVA_HOME', description: 'Home of Java 17 or newer. Unset: the `java` on the PATH.' }),
  ),
  python: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_PYTHON',
      description: 'A Python 3.13 interpreter. Unset: the PATH, pyenv and uv are searched.',
    }),
  ),
  magePython: settings.optional(
    settings.string({
      env: 'ORDERSTREAM_MAGE_PYTHON',
      description: 'A Python 3.11 interpreter, for the test of Mage. Unset: the PATH, pyenv and uv are searched.',
    }),
  ),
  pubsubEmulatorJar: settings.optional(
    settings.string({
      env: 'PUBSUB_EMULATOR_JAR',
      description: 'The jar of the Pub/Sub emulator. Unset: the Google Cloud SDK is searched.',
    }),
  ),
  pyenvRoot: settings.optional(
    settings.string({ env: 'PYENV_ROOT', description: 'The root folder of pyenv. Unset: `~/.pyenv`.' }),
  ),
  pubsubHeapMb: settings.integer({
    env: 'ORDERSTREAM_PUBSUB_HEAP_MB',
    default: 1_024,
    min: 48,
    max: 65_536,
    description:
      'Maximum heap of the Pub/Sub emulator, in MB. It is restarted before the heap is full: with the default, every 250,000 orders or so.',
  }),
  dbtRefreshMinutes: settings.integer({
    env: 'ORDERSTREAM_DBT_REFRESH_MINUTES',
    default: 10,
    min: 0,
    max: 1_440,
    description: 'Minutes between two runs of dbt in the background, which start 30 s after the stream. 0: none.',
  }),
  cloudSdkRoot: settings.optional(
    settings.string({
      env: 'CLOUDSDK_ROOT_DIR',
      description: 'The root folder of the Google Cloud SDK. Unset: the default locations are searched.',
    }),
  ),
});
export type DevSettings = SettingsOf<typeof devSettings>;

import { type Setting } from './setting';
import { settingsIn, type SettingsSpec } from './settings-spec';

/** The settings of each service, by its name, in the order in which they are to be described. */
export type ServiceSpecs = Readonly<Record<string, SettingsSpec<never>>>;

/** One variable, and what it is to each service that reads it. */
interface Variable {
  readonly setting: Setting<unknown>;
  readonly byService: ReadonlyMap<string, Setting<unknown>>;
}

/** `docs/configuration.md`: every variable of every service, as the code defines it. */
export function renderConfigurationDoc(services: ServiceSpecs): string {
  const variables = variablesOf(services);
  const shared = variables.filter(({ byService }) => byService.size > 1);
  const own = (service: string): readonly Variable[] =>
    variables.filter(({ byService }) => byService.size === 1 && byService.has(service));
  return [
    '# Configuration',
    'Generated from the code by `npm run generate`; do not edit.',
    'A service is configured by environment variables alone, read once at its start. A variable that is unset or empty ' +
      'takes its default. When any value is wrong the service exits with code 2 and names every such variable, what was ' +
      'expected and its default, never the value. Secrets are marked; they are not written to logs or to this page.',
    '[`.env.example`](../.env.example) lists the same variables for copying: ' +
      '`node --env-file=.env dist/apps/<service>/src/main.js`.',
    '## Shared by several services',
    table(shared, true),
    ...Object.keys(services).flatMap((service) => {
      const variablesOfIt = own(service);
      const alsoShared = shared.filter(({ byService }) => byService.has(service));
      return [
        `## ${service}`,
        alsoShared.length === 0
          ? ''
          : `Also reads, from the table above: ${alsoShared.map(({ setting }) => `\`${setting.env}\``).join(', ')}.`,
        variablesOfIt.length === 0 ? 'It has no variables of its own.' : table(variablesOfIt, false),
      ];
    }),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

/** `.env.example`: every variable with its description, commented out where it has a default or may be left unset. */
export function renderEnvExample(services: ServiceSpecs): string {
  const blocks = variablesOf(services).map(({ setting, byService }) => {
    const readers =
      byService.size === Object.keys(services).length ? 'every service' : [...byService.keys()].join(', ');
    const required = setting.default === undefined && !setting.optional;
    return [
      ...wrap(`${setting.description.replaceAll('`', '')} (${readers})`, 116).map((line) => `# ${line}`),
      ...wrap(`Expected: ${setting.expected.replaceAll('`', '')}.`, 116).map((line) => `# ${line}`),
      `${required ? '' : '#'}${setting.env}=${setting.secret ? '' : (setting.default ?? '')}`,
    ].join('\n');
  });
  return [
    '# Generated from the code by `npm run generate`; the reference is docs/configuration.md.\n' +
      '# Copy to .env, uncomment what differs from the default, and run one service alone:\n' +
      '#   npm run build && node --env-file=.env dist/apps/<service>/src/main.js\n' +
      '# Two services on one machine need different values of HTTP_PORT.',
    ...blocks,
  ]
    .join('\n\n')
    .concat('\n');
}

function variablesOf(services: ServiceSpecs): readonly Variable[] {
  const found = new Map<string, { setting: Setting<unknown>; byService: Map<string, Setting<unknown>> }>();
  for (const [service, spec] of Object.entries(services)) {
    for (const setting of settingsIn(spec)) {
      const variable = found.get(setting.env) ?? { setting, byService: new Map<string, Setting<unknown>>() };
      if (variable.setting.expected !== setting.expected || variable.setting.secret !== setting.secret) {
        throw new TypeError(`${setting.env} means different things to different services`);
      }
      variable.byService.set(service, setting);
      found.set(setting.env, variable);
    }
  }
  return [...found.values()];
}

function table(variables: readonly Variable[], withReaders: boolean): string {
  const rows = variables.map(({ setting, byService }) => [
    `\`${setting.env}\`${setting.secret ? ' (secret)' : ''}`,
    setting.description,
    setting.expected,
    defaults(byService),
    ...(withReaders ? [[...byService.keys()].join(', ')] : []),
  ]);
  const head = ['variable', 'what it is', 'expected', 'default', ...(withReaders ? ['read by'] : [])];
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function defaults(byService: ReadonlyMap<string, Setting<unknown>>): string {
  const texts = [...byService].map(([service, setting]): [string, string] => [service, oneDefault(setting)]);
  const [first] = texts;
  if (first !== undefined && texts.every(([, text]) => text === first[1])) return first[1];
  return texts.map(([service, text]) => `${text} (${service})`).join(', ');
}

function oneDefault({ default: text, optional, secret }: Setting<unknown>): string {
  if (text === undefined) return optional ? 'unset' : '**required**';
  return secret ? 'none' : `\`${text}\``;
}

/** Breaks a text into lines of at most `width` characters, at spaces. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { TABLES, TOPICS } from '@orderstream/contracts';

const root = join(__dirname, '..');
const MAX_DECISION_WORDS = 300;

const markdownIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...markdownIn('docs')];
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const matches = (content: string, pattern: RegExp): string[] =>
  [...content.matchAll(pattern)].flatMap((match) => match[1] ?? []);

const linkTargets = (content: string): string[] =>
  matches(content, /\]\(([^)#\s]+)[^)]*\)/g).filter((target) => !target.includes('://'));
const commandsIn = (content: string): string[] => matches(content, /npm run (?:-s )?([a-z][\w:-]*)/g);

describe('the documents', () => {
  it.each(documents)('%s links only to files that exist', (path) => {
    const missing = linkTargets(read(path)).filter((target) => !existsSync(join(root, dirname(path), target)));
    expect(missing).toEqual([]);
  });

  it.each(documents)('%s has only commands that package.json has', (path) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(commandsIn(read(path)).filter((command) => !(command in scripts))).toEqual([]);
  });

  it('have links and commands in the form that these tests read', () => {
    expect(linkTargets(read('README.md'))).toContain('docs/fault-suite.md');
    expect(commandsIn(read('docs/fault-suite.md'))).toContain('test:faults');
  });

  it.each(markdownIn(join('docs', 'decisions')))(`%s has at most ${String(MAX_DECISION_WORDS)} words`, (path) => {
    const words = read(path)
      .split(/\s+/)
      .filter((word) => word !== '');
    expect(words.length).toBeLessThanOrEqual(MAX_DECISION_WORDS);
  });
});

interface NodeLabels {
  readonly id: string;
  readonly box?: string;
  readonly cylinder?: string;
  readonly hexagon?: string;
}

/** The labels of a Mermaid flowchart's nodes. */
interface Picture {
  /** `id`, or `id[label]`. */
  readonly boxes: readonly string[];
  /** `id[("label, label")]`. */
  readonly cylinders: readonly string[];
  /** `id{{label}}`. */
  readonly hexagons: readonly string[];
}

const NODE = /^([\w-]+)(?:\[\("(?<cylinder>[^"]+)"\)\]|\{\{(?<hexagon>[^}]+)\}\}|\[(?<box>[^\]("]+)\])?$/;

function parsePicture(mermaid: string): Picture {
  const [header, ...lines] = mermaid.trim().split('\n');
  if (header !== 'flowchart LR') throw new Error(`not a flowchart: ${String(header)}`);
  const nodes = lines
    .flatMap((line) => line.replaceAll(/\|[^|]*\|/g, ' ').split(/<?-->/))
    .map((node) => node.trim())
    .map((node): NodeLabels => {
      const match = NODE.exec(node);
      if (match === null) throw new Error(`not a node: ${node}`);
      return { id: match[1] ?? '', ...match.groups };
    });
  const labelsOf = (kind: 'cylinder' | 'hexagon' | 'box'): string[] => [
    ...new Set(nodes.flatMap((node) => node[kind] ?? [])),
  ];
  const labelled = new Set(
    nodes.filter(({ cylinder, hexagon, box }) => cylinder ?? hexagon ?? box).map(({ id }) => id),
  );
  const ids = [...new Set(nodes.map(({ id }) => id))].filter((id) => !labelled.has(id));
  return {
    boxes: [...labelsOf('box'), ...ids],
    cylinders: labelsOf('cylinder').flatMap((label) => label.split(', ')),
    hexagons: labelsOf('hexagon'),
  };
}

/** The topics of a pattern: `*` stands for one part of a name (a family, a service), and a leading `…` for `marketplace.*`. */
function topicsOf(pattern: string): string[] {
  const expression = pattern.replace(/^…/, 'marketplace.*').replaceAll('.', '\\.').replaceAll('*', '[a-z-]+');
  return TOPICS.map(({ name }) => name).filter((name) => new RegExp(`^${expression}$`).test(name));
}

/** What the picture lacks, and what it has that does not exist. */
function differences(picture: Picture): string[] {
  const services = [...readdirSync(join(root, 'apps')), 'dbt'];
  const marts = readdirSync(join(root, 'dbt', 'models', 'marts')).filter((file) => file.endsWith('.sql'));
  const tables = [...Object.keys(TABLES), ...marts.map((file) => basename(file, '.sql'))];
  const topicPatterns = picture.cylinders.filter((label) => label.includes('.'));
  const tableLabels = picture.cylinders.filter((label) => !label.includes('.'));
  const drawnTopics = topicPatterns.flatMap(topicsOf);
  const compare = (kind: string, existing: readonly string[], drawn: readonly string[]): string[] => [
    ...existing.filter((name) => !drawn.includes(name)).map((name) => `${kind} ${name} is missing`),
    ...drawn.filter((name) => !existing.includes(name)).map((name) => `${kind} ${name} does not exist`),
  ];
  return [
    ...compare('service', services, picture.boxes),
    ...compare('table', tables, tableLabels),
    ...compare(
      'topic',
      TOPICS.map(({ name }) => name),
      drawnTopics,
    ),
    ...topicPatterns
      .filter((pattern) => topicsOf(pattern).length === 0)
      .map((pattern) => `topic ${pattern} does not exist`),
    ...compare('subscription', ['BigQuery subscription'], picture.hexagons),
  ];
}

/** One picture of what several pictures have. */
const unitedPictures = (pictures: readonly Picture[]): Picture => ({
  boxes: [...new Set(pictures.flatMap(({ boxes }) => boxes))],
  cylinders: [...new Set(pictures.flatMap(({ cylinders }) => cylinders))],
  hexagons: [...new Set(pictures.flatMap(({ hexagons }) => hexagons))],
});

describe('the pictures in the README', () => {
  const picture = unitedPictures(matches(read('README.md'), /```mermaid\n(.*?)```/gs).map(parsePicture));

  it('have exactly the services, topics and tables that exist', () => {
    expect(differences(picture)).toEqual([]);
  });

  it.each(['boxes', 'cylinders', 'hexagons'] as const)('differ without any one of their %s', (kind) => {
    expect(picture[kind]).not.toEqual([]);
    const before = differences(picture);
    for (const label of picture[kind]) {
      const less = differences({ ...picture, [kind]: picture[kind].filter((each) => each !== label) });
      expect(less.length).toBeGreaterThan(before.length);
    }
  });

  it.each([
    ['boxes', 'reconciler', 'service reconciler does not exist'],
    ['cylinders', 'reconciliations', 'table reconciliations does not exist'],
    ['cylinders', '….raw.v1.dlq.bq-sink', 'topic ….raw.v1.dlq.bq-sink does not exist'],
    ['cylinders', 'marketplace.*.raw.v2', 'topic marketplace.*.raw.v2 does not exist'],
  ] as const)('differs with the %s %s', (kind, label, difference) => {
    expect(differences({ ...picture, [kind]: [...picture[kind], label] })).toContain(difference);
  });
});

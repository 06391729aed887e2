import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deadLetterTopic, FAMILIES, FAMILY_TABLES, rawTopic, TOPICS, validatedTopic } from '@orderstream/contracts';

const root = join(__dirname, '..');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const matches = (content: string, pattern: RegExp): string[] =>
  [...content.matchAll(pattern)].flatMap((match) => match[1] ?? []);

describe('the documents', () => {
  it.each(documents)('%s links only to files that exist', (path) => {
    const targets = matches(text(path), /\]\(([^)#\s]+)[^)]*\)/g).filter((target) => !target.includes('://'));
    expect(targets.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([]);
  });

  it.each(documents)('%s names only commands that package.json has', (path) => {
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    const commands = matches(text(path), /npm run (?:-s )?([a-z][\w:-]*)/g);
    expect(commands.filter((command) => !(command in scripts))).toEqual([]);
  });

  it('draws topics, tables and services that exist', () => {
    const picture = text('README.md').split('```mermaid')[1]?.split('```')[0] ?? '';
    const names = new Set(TOPICS.map((topic) => topic.name));
    expect(
      FAMILIES.flatMap((f) => [rawTopic(f), validatedTopic(f), deadLetterTopic(rawTopic(f), 'validator')]).filter(
        (topic) => !names.has(topic),
      ),
    ).toEqual([]);
    expect(matches(picture, /marketplace\.\*\.(\w+)\.v1"/g)).toEqual(['raw', 'validated']);
    for (const table of [...Object.values(FAMILY_TABLES), 'streaming_orders']) expect(picture).toContain(table);
    expect(readdirSync(join(root, 'apps')).filter((app) => !picture.includes(app))).toEqual([]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScenarioFiles } from './scenario-files';

describe('the scenario files', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'orderstream-scenarios-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('are the built-in ones, each with its description', () => {
    const listed = new ScenarioFiles(undefined).list();
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(['steady', 'flash-sale', 'original']));
    expect(listed.filter(({ description, problems }) => description === undefined || problems !== undefined)).toEqual(
      [],
    );
  });

  it("are those of the user's folder too, which hide built-in ones; a bad one is listed with its lines", () => {
    writeFileSync(join(folder, 'steady.yaml'), 'name: steady\ndescription: Mine.\nproducers: 3\n');
    writeFileSync(join(folder, 'bad.yaml'), 'name: bad\ndescription: Bad.\nfunnel:\n  bounce: 2\nlots: 1\n');
    const files = new ScenarioFiles(folder);
    expect(files.load('steady').producers).toBe(3);
    const problems = [
      `${join(folder, 'bad.yaml')}:4: funnel.bounce: expected at most 1, found 2`,
      `${join(folder, 'bad.yaml')}:5: lots: unknown key`,
    ];
    expect(files.list().find(({ name }) => name === 'bad')).toEqual({
      name: 'bad',
      file: join(folder, 'bad.yaml'),
      problems,
    });
    expect(() => files.load('bad')).toThrow(expect.objectContaining({ code: 'SCENARIO_INVALID', problems }) as Error);
    expect(() => files.load('none')).toThrow(expect.objectContaining({ code: 'SCENARIO_UNKNOWN' }) as Error);
  });

  it('may be a text with any name', () => {
    const files = new ScenarioFiles(undefined);
    expect(files.parse('name: anything\ndescription: Of a request.\n').name).toBe('anything');
    expect(() => files.parse('name: x\n')).toThrow(/body\.yaml:1: description: expected a string, found nothing/);
  });
});

import { parseDbtArguments } from './dbt-arguments';

const parse = (line: string, env: NodeJS.ProcessEnv = {}) => parseDbtArguments(line.split(' '), env);

describe('the arguments of npm run dbt', () => {
  it.each(['build', 'run --select fact_orders', '--debug build', 'test', 'docs generate', 'source freshness', 'show'])(
    '%j needs the running stack',
    (line) => {
      expect(parse(line).needsStack).toBe(true);
    },
  );

  it.each(['docs serve', 'docs serve --port 8000', 'parse', 'ls', 'list --select marts', '--version', 'build --help'])(
    '%j needs no warehouse',
    (line) => {
      expect(parse(line)).toMatchObject({ needsStack: false, writes: false });
    },
  );

  it.each(['build --target google', 'build -t google', 'build --target=google', 'build --profiles-dir mine'])(
    '%j is for another warehouse than that of the stack',
    (line) => {
      expect(parse(line)).toMatchObject({ needsStack: false, writes: true });
    },
  );

  it('follows DBT_TARGET and DBT_PROFILES_DIR, and an argument before the variable', () => {
    expect(parse('build', { DBT_TARGET: 'google' }).needsStack).toBe(false);
    expect(parse('build', { DBT_PROFILES_DIR: '/mine' }).needsStack).toBe(false);
    expect(parse('build --target local', { DBT_TARGET: 'google' }).needsStack).toBe(true);
  });

  it('knows what writes to the warehouse', () => {
    expect(parse('snapshot').writes).toBe(true);
    expect(parse('test').writes).toBe(false);
    expect(parse('docs generate').writes).toBe(false);
  });

  it('runs sqlfluff for lint and fix', () => {
    expect(parse('lint')).toEqual({ needsStack: false, writes: false, lint: 'lint' });
    expect(parse('fix').lint).toBe('fix');
    expect(parse('build').lint).toBeUndefined();
  });
});

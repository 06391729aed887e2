import { dbtEnvironment } from './dbt-environment';

const PATHS = { repository: '/repository', home: '/home' };
const WAREHOUSE = { apiEndpoint: 'http://127.0.0.1:9050', projectId: 'p', dataset: 'd' };

describe('the environment of dbt', () => {
  it('has the warehouse of the stack, whatever the shell names', () => {
    const env = { ORDERSTREAM_DBT_PROJECT: 'production', PATH: '/bin' };
    expect(dbtEnvironment(PATHS, WAREHOUSE, { run: 'command', env })).toMatchObject({
      ORDERSTREAM_DBT_API_ENDPOINT: 'http://127.0.0.1:9050',
      ORDERSTREAM_DBT_PROJECT: 'p',
      ORDERSTREAM_DBT_DATASET: 'd',
      DBT_PROJECT_DIR: '/repository/dbt',
      DBT_PROFILES_DIR: '/repository/dbt',
      PATH: '/bin',
    });
  });

  it('keeps the output of a command and of a refresh apart', () => {
    const of = (run: 'command' | 'refresh') => dbtEnvironment(PATHS, WAREHOUSE, { run, env: {} }).DBT_TARGET_PATH;
    expect(of('command')).not.toBe(of('refresh'));
  });

  it("leaves the user's profile alone", () => {
    const env = { DBT_PROFILES_DIR: '/mine' };
    expect(dbtEnvironment(PATHS, undefined, { run: 'command', env }).DBT_PROFILES_DIR).toBe('/mine');
  });
});

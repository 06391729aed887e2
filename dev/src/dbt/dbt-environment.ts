import { join } from 'node:path';
import { type StackPaths } from '../paths';
import { type StackFile } from '../stack/stack-file';

/** The warehouse that dbt builds in. */
export type DbtWarehouse = Pick<StackFile['bigquery'], 'apiEndpoint' | 'projectId' | 'dataset'>;

/**
 * The environment of a dbt command. The project and its profile are in `dbt/`; what dbt writes goes to `.local/dbt/<run>`.
 * Without a warehouse, dbt uses the user's own variables: a target of Google, or a profile that the user names.
 */
export function dbtEnvironment(
  paths: Pick<StackPaths, 'repository' | 'home'>,
  warehouse: DbtWarehouse | undefined,
  options: { readonly run: 'command' | 'refresh'; readonly env: NodeJS.ProcessEnv },
): NodeJS.ProcessEnv {
  const project = join(paths.repository, 'dbt');
  const output = join(paths.home, 'dbt', options.run);
  return {
    DBT_PROFILES_DIR: project,
    DBT_TARGET_PATH: join(output, 'target'),
    DBT_LOG_PATH: join(output, 'logs'),
    ...options.env,
    DBT_PROJECT_DIR: project,
    DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
    // PyPI has newer versions than the one that is pinned.
    DBT_VERSION_CHECK: 'false',
    PYTHONDONTWRITEBYTECODE: '1',
    ...(warehouse !== undefined && {
      ORDERSTREAM_DBT_API_ENDPOINT: warehouse.apiEndpoint,
      ORDERSTREAM_DBT_PROJECT: warehouse.projectId,
      ORDERSTREAM_DBT_DATASET: warehouse.dataset,
      METADATA_SERVER_DETECTION: 'none',
      NO_PROXY: '127.0.0.1,localhost',
    }),
  };
}

import { type Column } from '@orderstream/contracts';
import { stringify } from 'yaml';

import { type DbtTable, dbtTables } from './dbt-tables';

/** The dataset of docs/configuration.md, and the name of the dbt source. */
const DATASET = 'ecommerce_db';
const HEADER = '# Generated from libs/contracts by `npm run generate`.\n';
const LINE_WIDTH = 120;

/** Every file of the dbt project that is generated from the contracts: content by path from the root of the repository. */
export const dbtFiles = (): ReadonlyMap<string, string> => {
  const tables = dbtTables();
  return new Map([
    ...tables.flatMap((table): [string, string][] => [
      [`dbt/models/sources/${table.spec.table}.yml`, yaml(sourceOf(table))],
      [`dbt/models/staging/stg_${table.spec.table}.yml`, yaml(stagingOf(table))],
      [`dbt/models/staging/stg_${table.spec.table}.sql`, stagingSql(table)],
    ]),
    ['dbt/macros/generated/create_missing_sources.sql', createMissingSources(tables)],
  ]);
};

const yaml = (content: unknown): string => HEADER + stringify(content, { lineWidth: LINE_WIDTH });

const describe = ({ description, personal }: Column): string => description + (personal ? ' Personal data.' : '');

const metaOf = ({ personal }: Column): object => (personal ? { config: { meta: { personal: true } } } : {});

function sourceOf(table: DbtTable): object {
  const { spec, freshness } = table;
  return {
    sources: [
      {
        name: DATASET,
        schema: '{{ target.schema }}',
        tables: [
          {
            name: spec.table,
            description: spec.description,
            ...(freshness !== undefined && {
              config: {
                loaded_at_field: freshness.loadedAt,
                freshness: {
                  warn_after: { count: freshness.warnAfter[0], period: freshness.warnAfter[1] },
                  error_after: { count: freshness.errorAfter[0], period: freshness.errorAfter[1] },
                  filter: inRecentPartitions(table),
                },
              },
            }),
            ...(table.key.length > 0 && { data_tests: [uniqueKey(table)] }),
            columns: spec.columns.map((column) => ({
              name: column.name,
              description: describe(column),
              data_type: dataType(column),
              ...metaOf(column),
              ...columnTests(table, column),
            })),
          },
        ],
      },
    ],
  };
}

/** BigQuery reads the partitions of the look-back only. */
const inRecentPartitions = ({ spec }: DbtTable): string =>
  `${spec.partitionField} >= timestamp(date_sub(current_date(), interval {{ var('lookback_days') }} day))`;

const uniqueKey = (table: DbtTable): object => ({
  unique_combination: {
    arguments: { columns: table.key },
    config: {
      where: [inRecentPartitions(table), ...(table.keyHoldsWhere === undefined ? [] : [table.keyHoldsWhere])].join(
        ' and ',
      ),
    },
  },
});

/** BigQuery itself keeps null out of REQUIRED columns. A test of that would only cost money. */
function columnTests(table: DbtTable, { name }: Column): object {
  const values = table.values.get(name);
  if (values === undefined) return {};
  return { data_tests: [{ accepted_values: { arguments: { values }, config: { where: inRecentPartitions(table) } } }] };
}

const dataType = ({ type, mode }: Column): string => (mode === 'REPEATED' ? `array<${type}>` : type).toLowerCase();

const stagingName = (name: string): string => name.replace(/^_/, '');

function stagingOf({ spec, computed }: DbtTable): object {
  return {
    models: [
      {
        name: `stg_${spec.table}`,
        description: `${spec.description} The columns of ${DATASET}.${spec.table}; names have no leading underscore.`,
        columns: [...spec.columns, ...computed.map(({ column }) => column)].map((column) => ({
          name: stagingName(column.name),
          description: describe(column),
          data_type: dataType(column),
          ...metaOf(column),
        })),
      },
    ],
  };
}

function stagingSql({ spec, computed }: DbtTable): string {
  const columns = [
    ...spec.columns.map(({ name }) => (stagingName(name) === name ? name : `${name} as ${stagingName(name)}`)),
    ...computed.map(({ column, sql }) => `${sql} as ${column.name}`),
  ];
  return `-- Generated from libs/contracts by \`npm run generate\`.
with source as (
    select * from {{ source('${DATASET}', '${spec.table}') }}
)

select
${columns.map((column) => `    ${column}`).join(',\n')}
from source
`;
}

/** For the emulator and for tests. In BigQuery the services create their tables. */
const createMissingSources = (
  tables: readonly DbtTable[],
): string => `{# Generated from libs/contracts by \`npm run generate\`. #}
{#
    Creates the source tables that no service has created yet, so that a warehouse without a batch, or without a stream, can
    be built. Only for the emulator: in BigQuery the services own their tables.
#}
{% macro create_missing_sources() %}
    {% if execute and target.name == 'local' %}
        {% do run_query('create schema if not exists \`' ~ target.project ~ '\`.' ~ target.schema) %}
${tables.map(createTable).join('\n')}
    {% endif %}
{% endmacro %}
`;

const createTable = ({
  spec,
}: DbtTable): string => `        {% if not adapter.get_relation(target.project, target.schema, '${spec.table}') %}
            {% set ddl %}
                create table if not exists \`{{ target.project }}\`.{{ target.schema }}.${spec.table} (
${spec.columns.map((column) => `                    ${definition(column)}`).join(',\n')}
                )
                partition by date(${spec.partitionField})
                cluster by ${spec.clustering.join(', ')}
            {% endset %}
            {% do run_query(ddl) %}
        {% endif %}`;

const definition = (column: Column): string =>
  `${column.name} ${dataType(column)}${column.mode === 'REQUIRED' ? ' not null' : ''} options (description = ${JSON.stringify(column.description)})`;

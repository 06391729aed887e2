import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../dev/src';
import { type LineageManifest, renderLineage } from './warehouse/lineage';

/** `npm run lineage`: draws docs/warehouse-lineage.svg from the manifest that `npm run dbt -- parse` has written. */
const root = repositoryRoot();
const manifest = join(root, '.local', 'dbt', 'command', 'target', 'manifest.json');
writeFileSync(
  join(root, 'docs', 'warehouse-lineage.svg'),
  renderLineage(JSON.parse(readFileSync(manifest, 'utf8')) as LineageManifest),
);

/**
 * Dependencies point one way, each layer to the ones before it:
 * contracts, errors <- config, observability <- quality, kafka, bigquery, pubsub <- dead-letters, admin <- apps
 * with dev, bench and test outside, which nothing may need.
 */
const LAYERS = [
  ['contracts', 'errors'],
  ['config', 'observability'],
  ['quality', 'kafka', 'bigquery', 'pubsub'],
  ['dead-letters', 'admin'],
];

const libs = (names) => `^libs/(${names.join('|')})/`;
/** Tests, and the models of protocols that tests explore. */
const SPECS = '(\\.spec\\.ts|\\.features\\.ts)$|/(test|model)/';

/** For each lib: not to its own layer's neighbours, nor to a later layer. */
const layerRules = LAYERS.flatMap((layer, index) =>
  layer.map((lib) => ({
    name: `layers-${lib}`,
    comment: 'A lib needs only libs of earlier layers.',
    severity: 'error',
    from: { path: libs([lib]), pathNot: SPECS },
    to: { path: libs(LAYERS.slice(index).flat()), pathNot: libs([lib]) },
  })),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-app-to-app',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    { name: 'no-lib-to-app', severity: 'error', from: { path: '^libs/' }, to: { path: '^apps/' } },
    ...layerRules,
    {
      name: 'contracts-is-leaf',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: SPECS },
      to: { path: '^libs/', pathNot: '^libs/contracts/' },
    },
    {
      name: 'libs-through-their-barrel',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^$1/$2/'] },
    },
    {
      name: 'libs-through-their-barrel-outside',
      severity: 'error',
      from: { path: '^(dev|bench|test)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'quality-is-pure',
      comment: 'Rules know records and state: no framework, no client, no clock, no file.',
      severity: 'error',
      from: { path: '^libs/quality/', pathNot: SPECS },
      to: {
        path: ['@nestjs/', 'kafkajs', '@google-cloud/', '^(node:)?(fs|net|http|https|timers|worker_threads)(/|$)'],
      },
    },
    {
      name: 'only-its-settings-of-an-app',
      comment: 'The local stack runs the apps as processes; it knows their settings and nothing else of them.',
      severity: 'error',
      // The fault suite boots apps with its own parts between theirs, and names their protocols' steps.
      from: { path: '^(dev|test)/', pathNot: '^test/faults/src/(instrumented|faults)/' },
      to: { path: '^apps/', pathNot: '^apps/[^/]+/src/[^/]+\\.config\\.ts$' },
    },
    {
      name: 'nothing-needs-the-outside',
      comment: 'What is deployed does not know the local stack, the measurements or the end-to-end tests.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: SPECS },
      to: { path: '^(dev|bench|test)/' },
    },
    {
      name: 'kafka-through-its-lib',
      comment: 'Only libs/kafka makes kafkajs clients: it mends them first. Types may be used anywhere.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/kafka/', SPECS] },
      to: { path: 'node_modules/kafkajs/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(apps|libs)/[^/]+/src', pathNot: SPECS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-test-code-at-run-time',
      severity: 'error',
      from: { path: '^(apps|libs|dev|bench)/', pathNot: SPECS },
      to: { path: SPECS },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^dist' },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};

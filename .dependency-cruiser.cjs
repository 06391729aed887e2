/**
 * Dependencies point one way, each layer to the ones before it:
 * contracts, errors, random, varint, terminal <- config, observability, deadlines, process-lock <- quality, simulation, kafka, bigquery,
 * pubsub <- dead-letters, service <- ledger <- apps. Nothing that is deployed depends on dev, tools, bench or test.
 */
const LAYERS = [
  ['contracts', 'errors', 'random', 'varint', 'terminal'],
  ['config', 'observability', 'deadlines', 'process-lock'],
  ['quality', 'simulation', 'kafka', 'bigquery', 'pubsub'],
  ['dead-letters', 'service'],
  ['ledger'],
];

const libs = (names) => `^libs/(${names.join('|')})/`;
/** Tests, and what only tests use. */
const SPECS = '(\\.spec\\.ts|\\.features\\.ts)$|/test/';

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
      from: { path: '^(dev|bench|test|tools)/' },
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
      name: 'simulation-is-pure',
      comment: 'The marketplace is a function of seed, scenario and time: no framework, no client, no clock, no file.',
      severity: 'error',
      from: { path: '^libs/simulation/', pathNot: SPECS },
      to: {
        path: ['@nestjs/', 'kafkajs', '@google-cloud/', '^(node:)?(fs|net|http|https|timers|worker_threads)(/|$)'],
      },
    },
    {
      name: 'guides-of-the-rules-on-demand',
      comment: 'The guides are for the document of the rules: no service loads them with the barrel.',
      severity: 'error',
      from: { path: '^libs/quality/', pathNot: ['/guide/', '\\.guide\\.ts$', SPECS] },
      to: { path: ['/guide/', '\\.guide\\.ts$'], dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-its-settings-of-an-app',
      comment: 'The local stack runs the apps as processes; it knows their settings and nothing else of them.',
      severity: 'error',
      // The fault suite boots apps with its own components inside, and uses the names of their protocols' steps.
      from: { path: '^(dev|test|tools)/', pathNot: '^test/faults/src/(instrumented|faults)/' },
      to: { path: '^apps/', pathNot: '^apps/[^/]+/src/[^/]+\\.config\\.ts$' },
    },
    {
      name: 'nothing-needs-the-outside',
      comment: 'What is deployed does not depend on the local stack, the tools, the measurements or the tests.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: SPECS },
      to: { path: '^(dev|bench|test|tools)/' },
    },
    {
      name: 'dev-through-its-barrel',
      comment: 'Apps and libs, their tests included, never import from dev; the others only its barrel.',
      severity: 'error',
      from: { path: '^(bench|test|tools)/' },
      to: { path: '^dev/', pathNot: '^dev/src/index\\.ts$' },
    },
    {
      name: 'dev-is-not-for-apps-and-libs',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { path: '^(dev|tools|bench)/' },
    },
    {
      name: 'kafka-through-its-lib',
      comment: 'Only libs/kafka makes kafkajs clients: it patches them first. Types may be used anywhere.',
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
    // Packages with subpaths, such as the SDK of Grafana, and packages of modules only.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};

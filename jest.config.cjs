const swc = [
  '@swc/jest',
  {
    swcrc: false,
    sourceMaps: 'inline',
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2023',
      keepClassNames: true,
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  },
];

/** One project per kind of test; the suffix of a file is its kind. */
const project = (kind, extra = {}) => ({
  displayName: kind,
  rootDir: __dirname,
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/dev', '<rootDir>/bench', '<rootDir>/test', '<rootDir>/tools'],
  testEnvironment: 'node',
  moduleFileExtensions: ['js', 'cjs', 'json', 'ts'],
  testRegex: `\\.${kind}\\.spec\\.ts$`,
  transform: { '^.+\\.ts$': swc },
  moduleNameMapper: {
    '^@orderstream/([^/]+)$': '<rootDir>/libs/$1/src',
    // import() names compiled files.
    '^(\\./otlp-tracing|\\./guide/quality-doc)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  ...extra,
});

module.exports = {
  maxWorkers: 2,
  // A worker keeps the modules of every spec that it has run. One with more than this is replaced after its spec.
  workerIdleMemoryLimit: '700MB',
  projects: [
    project('unit'),
    project('int'),
    project('e2e'),
    project('kills'),
    project('model'),
    project('api'),
    project('dbt'),
  ],
};

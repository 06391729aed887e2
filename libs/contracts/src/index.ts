export * from './families';
export * from './topics';
export * from './rules';
export * from './ledger';

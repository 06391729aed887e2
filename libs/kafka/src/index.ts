export * from './record';
export * from './outcome';

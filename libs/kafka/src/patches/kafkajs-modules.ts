import { loadFromKafkajs } from '../client/kafkajs-internals';

/** Replaces what a module of kafkajs exports. Call it before kafkajs is loaded. */
export function replaceModule<T>(path: string, replace: (original: T) => T): void {
  const entry = loadFromKafkajs.resolve('kafkajs');
  if (loadFromKafkajs.cache[entry]?.loaded === true) {
    throw new Error('kafkajs was loaded before its patches: import @orderstream/kafka before kafkajs');
  }
  const id = loadFromKafkajs.resolve(path);
  const original = loadFromKafkajs(id) as T;
  const loaded = loadFromKafkajs.cache[id];
  if (loaded === undefined) throw new Error(`kafkajs was loaded without ${path}: its version must be 2.2.4`);
  loaded.exports = replace(original);
}

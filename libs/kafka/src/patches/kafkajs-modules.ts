import { loadFromKafkajs } from '../client/kafkajs-internals';

/** Puts a function in the place of a module of kafkajs, and returns the original. To be called before kafkajs is loaded. */
export function replaceModule<T>(path: string, replacement: (original: T) => T): T {
  const entry = loadFromKafkajs.resolve('kafkajs');
  if (loadFromKafkajs.cache[entry]?.loaded === true) {
    throw new Error('kafkajs was loaded before its patches: import createKafka of @orderstream/kafka first');
  }
  const id = loadFromKafkajs.resolve(path);
  const original = loadFromKafkajs(id) as T;
  const loaded = loadFromKafkajs.cache[id];
  if (loaded === undefined) throw new Error(`${path} is not in the module cache`);
  loaded.exports = replacement(original);
  return original;
}

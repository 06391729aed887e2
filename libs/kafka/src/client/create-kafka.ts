import { type Kafka } from 'kafkajs';
import { type KafkaConnection, type KafkaLogger } from './kafka-settings';

export function createKafka(settings: KafkaConnection, logger?: KafkaLogger): Kafka {
  throw new Error(`not built yet: ${String(settings)} ${String(logger)}`);
}

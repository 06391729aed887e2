import { type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { HandlerMismatchError } from '../errors';
import { type BatchOutcome } from '../outcome';
import { type RecordBatch } from '../record';
import { type BatchContext } from './batch-context';

export type TopicHandler = (batch: RecordBatch, context: BatchContext) => Promise<BatchOutcome>;

/**
 * The handler of each topic, from what Nest registered.
 *
 * @param expected the topics that must have a handler, and no others; undefined for the topics that have one
 * @throws HandlerMismatchError when a topic has no handler, several, or one for messages instead of batches
 */
export function topicHandlers(
  registered: ReadonlyMap<string, MessageHandler>,
  expected: readonly string[] | undefined,
): Map<string, TopicHandler> {
  const problems: string[] = [];
  const handlers = new Map<string, TopicHandler>();
  for (const [topic, handler] of registered) {
    if (handler.isEventHandler !== true) problems.push(`${topic} has a @MessagePattern handler: use @BatchHandler`);
    if (handler.next !== undefined) problems.push(`${topic} has more than one handler`);
    if (expected?.includes(topic) === false)
      problems.push(`${topic} has a handler, but the server does not consume it`);
    handlers.set(topic, (batch, context) => call(handler, batch, context));
  }
  for (const topic of expected ?? []) if (!handlers.has(topic)) problems.push(`${topic} has no handler`);
  if (handlers.size === 0) problems.push('no handler has the transportId of this server: check @BatchHandler');
  if (problems.length > 0) throw new HandlerMismatchError(`The batch handlers do not match: ${problems.join('; ')}`);
  return handlers;
}

async function call(handler: MessageHandler, batch: RecordBatch, context: BatchContext): Promise<BatchOutcome> {
  const returned: unknown = await handler(batch, context);
  const outcome: unknown = isObservable(returned)
    ? await lastValueFrom(returned, { defaultValue: undefined })
    : returned;
  if (isOutcome(outcome)) return outcome;
  throw new TypeError(`The handler of ${batch.topic} returned no outcome: return ack(), retry() or stop()`);
}

const isOutcome = (value: unknown): value is BatchOutcome =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  (value.kind === 'ack' || value.kind === 'retry' || value.kind === 'stop');

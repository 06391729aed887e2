import { type MessageHandler } from '@nestjs/microservices';
import { of } from 'rxjs';
import { ack, HandlerMismatchError, type RecordBatch } from '../index';
import { type BatchContext } from './batch-context';
import { topicHandlers } from './topic-handlers';

const BATCH: RecordBatch = { topic: 'a', partition: 0, records: [], nextOffset: 1 };

function eventHandler(result: unknown = ack(), next?: MessageHandler): MessageHandler {
  const handler: MessageHandler = () => Promise.resolve(result);
  handler.isEventHandler = true;
  if (next !== undefined) handler.next = next as NonNullable<MessageHandler['next']>;
  return handler;
}

const messageHandler: MessageHandler = () => Promise.resolve(ack());

describe('topicHandlers', () => {
  it('accepts exactly one event handler per topic', () => {
    const registered = new Map([
      ['a', eventHandler()],
      ['b', eventHandler()],
    ]);
    expect([...topicHandlers(registered, ['b', 'a']).keys()]).toEqual(['a', 'b']);
    expect([...topicHandlers(registered, undefined).keys()]).toEqual(['a', 'b']);
  });

  it.each([
    ['a topic without a handler', { a: eventHandler() }, ['a', 'b'], 'b has no handler'],
    ['a topic with two handlers', { a: eventHandler(ack(), eventHandler()) }, ['a'], 'a has more than one handler'],
    ['a handler for messages', { a: messageHandler }, ['a'], 'a has a @MessagePattern handler'],
    ['a handler of another topic', { a: eventHandler(), b: eventHandler() }, ['a'], 'b has a handler'],
    ['no handler at all', {}, undefined, 'no handler has the transportId'],
  ])('rejects %s', (_, registered, expected, problem) => {
    const resolve = (): unknown => topicHandlers(new Map(Object.entries(registered)), expected);
    expect(resolve).toThrow(HandlerMismatchError);
    expect(resolve).toThrow(problem);
  });

  it('returns the outcome of the handler, and rejects a result that is none', async () => {
    const call = (result: unknown): unknown =>
      topicHandlers(new Map([['a', eventHandler(result)]]), ['a']).get('a')?.(
        BATCH,
        undefined as unknown as BatchContext,
      );
    await expect(call(ack())).resolves.toEqual({ kind: 'ack' });
    await expect(call(of(ack()))).resolves.toEqual({ kind: 'ack' });
    await expect(call(null)).rejects.toThrow('The handler of a returned no outcome');
    await expect(call({ kind: 'nack' })).rejects.toThrow('The handler of a returned no outcome');
  });
});

import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';

import { encodePublishRequest, messageBytes } from './publish-request';

const text = fc.string({ unit: 'grapheme', maxLength: 200 });

describe('encodePublishRequest', () => {
  it('encodes requests that protobufjs decodes to the same topic and messages', () => {
    const message = fc.record({
      data: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
      attributes: fc.dictionary(
        text.filter((name) => name !== '__proto__'),
        text,
        { maxKeys: 12 },
      ),
      orderingKey: fc.oneof(fc.constant(''), text),
    });
    fc.assert(
      fc.property(text, fc.array(message, { maxLength: 8 }), (topic, messages) => {
        const encoded = encodePublishRequest(
          topic,
          messages.map(({ data, attributes, orderingKey }) => {
            const pairs = Object.entries(attributes)
              .flat()
              .map((text) => Buffer.from(text));
            return { data, attributes: pairs, orderingKey, bytes: messageBytes(data, pairs, orderingKey) };
          }),
        );
        const decoded = protos.google.pubsub.v1.PublishRequest.decode(encoded);
        expect(decoded.topic).toBe(topic);
        expect(
          decoded.messages.map(({ data, attributes, orderingKey }) => ({
            data: Buffer.from(data as Uint8Array),
            attributes: { ...attributes },
            orderingKey,
          })),
        ).toEqual(messages.map((each) => ({ ...each, attributes: { ...each.attributes } })));
      }),
    );
  });
});

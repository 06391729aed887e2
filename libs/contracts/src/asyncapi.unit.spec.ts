import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Parser } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import {
  contractsOfFamily,
  DLQ_HEADERS,
  EVENT_CONTRACTS,
  FAMILIES,
  rawTopic,
  retryTopic,
  TOPICS,
  validatedTopic,
} from './index';

interface Ref {
  readonly $ref: string;
}
interface Schema {
  readonly properties: Readonly<Record<string, object>>;
  readonly required: readonly string[];
}
interface Message {
  readonly payload: Ref;
  readonly headers: object;
  readonly examples: readonly { readonly headers: object; readonly payload: object }[];
}
interface Operation {
  readonly action: 'send' | 'receive';
  readonly channel: Ref;
  readonly tags: readonly { readonly name: string }[];
  readonly bindings?: { readonly kafka: { readonly groupId: { readonly enum: readonly string[] } } };
}
interface Document {
  readonly channels: Readonly<
    Record<
      string,
      {
        readonly address: string;
        readonly description: string;
        readonly messages: Readonly<Record<string, Ref>>;
        readonly bindings: {
          readonly kafka: { partitions: number; topicConfiguration: Readonly<Record<string, unknown>> };
        };
      }
    >
  >;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}

const root = resolve(__dirname, '../../..');
const folder = resolve(root, 'docs/contracts');
const path = resolve(folder, 'asyncapi.json');
const text = readFileSync(path, 'utf8');
const document = JSON.parse(text) as Document;
const operations = Object.values(document.operations);
const topicOf = ({ $ref }: Ref): string => $ref.replace('#/channels/', '');

const ERROR_OR_WARNING: ReadonlySet<number> = new Set([0, 1]);

/** Problems that the official parser finds. It hints at newer versions, which is none. */
async function problemsOf(content: string): Promise<readonly string[]> {
  const diagnostics = await new Parser().validate(content, { source: path });
  return diagnostics
    .filter(({ severity }) => ERROR_OR_WARNING.has(severity))
    .map(({ code, message, path: at }) => `${at.join('/')}: ${String(code)} ${message}`);
}

describe('the AsyncAPI document', () => {
  it('is valid AsyncAPI 3.0 for the official parser, with every schema that it refers to', async () => {
    expect(await problemsOf(text)).toEqual([]);
  }, 60_000);

  it('is rejected by it with an unknown action, or without a message or a schema file that it refers to', async () => {
    const broken = text
      .replace('"#/components/messages/order.paid.raw"', '"#/components/messages/order.payed.raw"')
      .replace('./json-schema/order.shipped.v1.json', './json-schema/order.sent.v1.json')
      .replace('"action": "send"', '"action": "write"');
    const problems = (await problemsOf(broken)).join('\n');
    for (const part of ['order.payed.raw', 'order.sent.v1.json', 'action']) expect(problems).toContain(part);
  }, 60_000);

  it('has every topic with its partitions, retention and limits', () => {
    expect(Object.keys(document.channels)).toEqual(TOPICS.map(({ name }) => name));
    for (const { name, partitions, cleanup, retentionMs, maxMessageBytes, timestamps } of TOPICS) {
      const channel = document.channels[name];
      expect(channel?.address).toBe(name);
      // Producers choose the partition of raw records by the key; all that follows is in the partition of its input.
      expect(channel?.description.includes('murmur2')).toBe(name.endsWith('.raw.v1'));
      expect(channel?.description).toContain(`message.timestamp.type is ${timestamps}.`);
      expect(channel?.bindings.kafka).toMatchObject({
        partitions,
        topicConfiguration: { 'cleanup.policy': [cleanup], 'max.message.bytes': maxMessageBytes },
      });
      expect(channel?.bindings.kafka.topicConfiguration['retention.ms']).toBe(retentionMs);
    }
  });

  it('has the event types of each family in its topics, each with the JSON Schema of its body', () => {
    for (const family of FAMILIES) {
      for (const [topic, kind] of [
        [rawTopic(family), 'raw'],
        [validatedTopic(family), 'validated'],
      ] as const) {
        const names = contractsOfFamily(family).map(({ type }) => `${type}.${kind}`);
        expect(Object.keys(document.channels[topic]?.messages ?? {})).toEqual(names);
      }
    }
    for (const type of EVENT_CONTRACTS.keys()) {
      for (const kind of ['raw', 'validated']) {
        const file = document.components.messages[`${type}.${kind}`]?.payload.$ref ?? '';
        expect([file, existsSync(resolve(folder, file))]).toEqual([`./json-schema/${type}.v1.json`, true]);
      }
    }
  });

  it('has examples that meet the schemas of headers and body, and rejects a record without a required header', () => {
    const ajv = new Ajv2020({ strict: false, addUsedSchema: false });
    addFormats(ajv);
    ajv.addSchema(document, 'asyncapi.json');
    for (const [name, message] of Object.entries(document.components.messages)) {
      if (!EVENT_CONTRACTS.has(name.replace(/\.\w+$/, ''))) continue;
      const validate = ajv.compile({ $ref: `asyncapi.json#/components/messages/${name}/headers` });
      const [example] = message.examples;
      expect([name, validate(example?.headers), validate.errors]).toEqual([name, true, null]);
      for (const header of ['ce_specversion', 'ce_id', 'ce_type', 'ce_source']) {
        expect(validate({ ...example?.headers, [header]: undefined })).toBe(false);
      }
      const payload = ajv.compile(JSON.parse(readFileSync(resolve(folder, message.payload.$ref), 'utf8')) as object);
      expect([name, payload(example?.payload), payload.errors]).toEqual([name, true, null]);
      expect(validate({ ...example?.headers, ce_type: 'order.unheard_of' })).toBe(false);
    }
  });

  it('describes every header of a dead letter', () => {
    expect(Object.keys(document.components.schemas.deadLetter?.properties ?? {})).toEqual(Object.values(DLQ_HEADERS));
  });

  it('has operations of services that exist, a writer of each topic, and the consumer groups', () => {
    const services = new Set(operations.flatMap(({ tags }) => tags.map(({ name }) => name)));
    const apps = readdirSync(resolve(root, 'apps'));
    expect([...services].filter((service) => !apps.includes(service))).toEqual([]);
    const written = new Set(
      operations.filter(({ action }) => action === 'send').map(({ channel }) => topicOf(channel)),
    );
    expect([...written].sort()).toEqual(TOPICS.map(({ name }) => name).sort());
    const groups = operations.flatMap(({ bindings, channel }) =>
      (bindings?.kafka.groupId.enum ?? []).map((group) => [group, topicOf(channel)]),
    );
    expect(groups.sort()).toEqual(
      [
        ...FAMILIES.map((family) => [`validator-${family}`, rawTopic(family)]),
        ...FAMILIES.map((family) => ['bq-sink', validatedTopic(family)]),
        ...FAMILIES.map((family) => ['bq-sink', retryTopic(validatedTopic(family), 'bq-sink')]),
        ['pubsub-bridge', validatedTopic('orders')],
        ['pubsub-bridge', retryTopic(validatedTopic('orders'), 'pubsub-bridge')],
      ].sort(),
    );
  });
});

import type { protos } from '@google-cloud/bigquery-storage';
import { InterceptingCall, type Interceptor, type Metadata, status, type StatusObject } from '@grpc/grpc-js';

type Response = Partial<protos.google.cloud.bigquery.storage.v1.IAppendRowsResponse>;

/** The local emulator answers INVALID_ARGUMENT where BigQuery has a status of its own. */
const TRANSLATIONS: readonly (readonly [message: RegExp, code: status])[] = [
  [/^Invalid stream name\. Entity: /, status.NOT_FOUND],
  [/^Stream is finalized$/, status.FAILED_PRECONDITION],
];

const INVALID_ARGUMENT: number = status.INVALID_ARGUMENT;

/** The status that BigQuery has in the place of the emulator's. */
function translate<C extends number | null | undefined>(code: C, message: string): C | status {
  if (code !== INVALID_ARGUMENT) return code;
  return TRANSLATIONS.find(([pattern]) => pattern.test(message))?.[1] ?? code;
}

/** Gives the answers of the local emulator the status codes of BigQuery. */
const translateAnswers: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start: (metadata: Metadata, _listener, next) => {
      next(metadata, {
        // A unary call that fails has no message.
        onReceiveMessage: (message: Response | null, nextMessage) => {
          const error = message?.error;
          if (error) error.code = translate(error.code, error.message ?? '');
          nextMessage(message);
        },
        onReceiveStatus: (received: StatusObject, nextStatus) => {
          nextStatus({ ...received, code: translate(received.code, received.details) });
        },
      });
    },
  });

/** The options of a gRPC client that is connected to the local emulator. */
export const EMULATOR_OPTIONS = {
  // Google's client passes this option, but not `interceptors`, to its gRPC client.
  'grpc.callInvocationTransformer': <P extends { callOptions: object }>(call: P): P => ({
    ...call,
    callOptions: { ...call.callOptions, interceptors: [translateAnswers] },
  }),
};

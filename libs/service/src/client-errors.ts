import { randomUUID } from 'node:crypto';
import { type Server, STATUS_CODES } from 'node:http';
import { PROBLEM_CONTENT_TYPE, problemFor } from './problem';

/** What Node does not hand over as a request, by its error code. */
const ANSWERS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers, with the address and its parameters, are larger than 16 kB.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The extensions of the chunks of the body are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request was not complete in time.'],
};

/** Answers what is not a request of HTTP with problem details, in place of Node's answers without a body. */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The client is gone.
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const [status, detail] = ANSWERS[error.code ?? ''] ?? [400, 'This is not a request of HTTP/1.1.'];
    const body = JSON.stringify(problemFor({ status, detail }));
    socket.end(
      [
        `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
        'Connection: close',
        `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
        `Content-Length: ${String(Buffer.byteLength(body))}`,
        `X-Request-Id: ${randomUUID()}`,
        '',
        body,
      ].join('\r\n'),
    );
  });
}

/** No event of the API is larger: a plan with its samples. */
const MAX_EVENT_CHARACTERS = 8_388_608;

export interface ServerEvent {
  /** `message` if the server gives none. */
  readonly event: string;
  readonly data: string;
}

/**
 * Parses a stream of server-sent events (HTML Living Standard, "Server-sent events"). Comments, which keep a connection open,
 * are ignored. An event without data is dropped, and so is one that the end of the stream cuts.
 *
 * @param heard is called for each chunk
 * @throws RangeError for an event of more than 8 million characters
 */
export async function* serverEvents(
  body: AsyncIterable<Uint8Array>,
  heard: () => void = () => undefined,
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let event = '';
  let data: string[] = [];
  let size = 0;
  for await (const chunk of body) {
    heard();
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the end may be the first half of a line end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { event: event === '' ? 'message' : event, data: data.join('\n') };
        event = '';
        data = [];
        size = 0;
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') event = value;
      if (field === 'data') {
        data.push(value);
        size += value.length;
      }
    }
    if (size + rest.length > MAX_EVENT_CHARACTERS) throw new RangeError('the server sent an event that is too large');
  }
}

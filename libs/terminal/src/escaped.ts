/**
 * Records are untrusted input. Control characters can control a terminal, and format characters (category Cf) can reorder
 * or hide text: each becomes a visible escape, such as `\u001b`. Line ends stay if `lines` is set.
 */
export function escaped(text: string, lines = false): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    if (lines && character === '\n') return character;
    const code = character.codePointAt(0) ?? 0;
    return (
      NAMED[character] ?? (code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`)
    );
  });
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What a completion script defines. */
export interface Program {
  /** The word that is typed: a function of the shell. */
  readonly name: string;
  /** The command that the function runs, quoted. */
  readonly command: string;
}

/** A text in single quotes, as bash and zsh read it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

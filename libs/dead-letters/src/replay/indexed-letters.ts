import { type LetterIndex } from '../lookup/letter-index';

/** The dead letters as the console has indexed them. */
export interface IndexedLetters {
  readonly index: LetterIndex;
  /** Resolves when the index has every letter that the topics held at the call. */
  caughtUp(): Promise<void>;
}

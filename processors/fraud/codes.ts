// Small numbers for texts of which there are few: currencies and countries. Guarantees: the same text, the same number, as long as this
// lives, and of who is restored with its texts. Redelivery: the same text again changes nothing.

export class Codes {
  private readonly codes = new Map<string, number>();
  private readonly texts: string[] = [];
  /** Most payments are like the one before. */
  private lastText: string | undefined;
  private lastCode = 0;

  codeOf(text: string): number {
    if (text === this.lastText) return this.lastCode;
    let code = this.codes.get(text);
    if (code === undefined) {
      code = this.texts.push(text) - 1;
      this.codes.set(text, code);
    }
    this.lastText = text;
    this.lastCode = code;
    return code;
  }

  /** Numbers in a snapshot stand for these. */
  snapshot(): readonly string[] {
    return [...this.texts];
  }

  restore(texts: readonly string[]): void {
    for (const text of texts) this.codeOf(text);
  }
}

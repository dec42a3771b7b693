/** Which of a peer's URLs to use: one until it fails, then the next. */
import { invariant } from '../../base/assert.ts';

export class UrlPicker {
  private urls: readonly string[];
  private picked = 0;

  /** `urls` is not empty. */
  constructor(urls: readonly string[]) {
    invariant(urls.length > 0, 'a peer has a URL');
    this.urls = urls;
  }

  update(urls: readonly string[]): void {
    invariant(urls.length > 0, 'a peer has a URL');
    this.urls = urls;
    this.picked = 0;
  }

  pick(): string {
    return this.urls[this.picked] ?? '';
  }

  /** `url` failed; if it is still the picked one, the next is picked. */
  unreachable(url: string): void {
    if (url === this.pick()) this.picked = (this.picked + 1) % this.urls.length;
  }
}

/** Links of a run with members of both kinds: bundled ones put rules on their own ends, a fabric carries the links between others. */
import { err, ok, type Result } from '../../base/result.ts';
import type { LinkBackend, LinkObservation, LinkRule } from './link-backend.ts';

export class AllLinks implements LinkBackend {
  readonly tellsMessages = true;
  readonly #members: LinkBackend;
  readonly #fabric: LinkBackend;

  /** `members` goes first: it needs one of a link's two ends only. */
  constructor(members: LinkBackend, fabric: LinkBackend) {
    this.#members = members;
    this.#fabric = fabric;
  }

  unsupported(name: string): string | null {
    return this.#isBundled(name) ? null : this.#fabric.unsupported(name);
  }

  async setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>> {
    const own = rules.filter((rule) => this.#isOwn(rule));
    const foreign = rules.filter((rule) => !this.#isOwn(rule));
    if (foreign.some(({ messages }) => messages !== undefined)) {
      return err('only bundled members tell types of Raft messages apart: leave out --messages, or use --etcd bundled');
    }
    const set = await Promise.all([this.#members.setLinks(own), this.#fabric.setLinks(foreign)]);
    return set.find((one) => !one.ok) ?? ok(undefined);
  }

  async observed(among?: ReadonlySet<string>): Promise<readonly LinkObservation[]> {
    const seen = await Promise.all([this.#members.observed(among), this.#fabric.observed(among)]);
    return [...seen[0], ...seen[1].filter((link) => !this.#isOwn(link))];
  }

  /** The fabric can wherever it stands between two members; bundled ones send themselves. */
  probesFrom(name: string): boolean {
    return this.#isBundled(name) || this.#fabric.unsupported(name) === null;
  }

  async probe(links: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
    const foreign = links.filter((link) => !this.#isOwn(link));
    await Promise.all([
      this.#members.probe?.(links.filter((link) => this.#isOwn(link))),
      foreign.length === 0 ? undefined : this.#fabric.probe?.(foreign),
    ]);
  }

  #isBundled(name: string): boolean {
    return this.#members.unsupported(name) === null;
  }

  #isOwn({ from, to }: { readonly from: string; readonly to: string }): boolean {
    return this.#isBundled(from) || this.#isBundled(to);
  }
}

/** Which links of a cluster are meant: chosen ones, those of a member, all. Pure. */
import { unreachable } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Cast } from './cast.ts';
import type { LinkChoice, LinkWish } from './command.ts';
import type { ProcessView } from './view.ts';

/** A direction of a link. */
export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface ChosenLinks {
  readonly links: readonly Link[];
  /** The flags that choose the same. */
  readonly flags: string;
  /** "between etcd1 and etcd2" */
  readonly where: string;
}

export function chosenLinks(choice: LinkChoice, cast: Cast): Result<ChosenLinks, string> {
  switch (choice.type) {
    case 'all': {
      const cluster = cast.cluster();
      if (!cluster.ok) return cluster;
      const names = namesOf(cluster.value);
      return names.length < 2 ? noLinks : ok({ links: meshOf(names), flags: '', where: 'all links' });
    }
    case 'member': {
      const found = cast.member(choice.target);
      if (!found.ok) return found;
      const { name } = found.value;
      const links = between([name], othersThan([name], namesOf(cast.clusterOf(name))));
      return links.length === 0 ? noLinks : ok({ links, flags: ` --member ${name}`, where: `all links of ${name}` });
    }
    case 'links':
      return wishedLinks(choice.links, cast);
    default:
      return unreachable(choice);
  }
}

export const noLinks = err('a cluster of one member has no links');

export function wishedLinks(wishes: readonly LinkWish[], cast: Cast): Result<ChosenLinks, string> {
  const links: Link[] = [];
  const flags: string[] = [];
  for (const { from: a, to: b, bothWays } of wishes) {
    const from = cast.member(a);
    if (!from.ok) return from;
    const to = cast.member(b);
    if (!to.ok) return to;
    const [x, y] = [from.value.name, to.value.name];
    if (x === y) return err(`${a} and ${b} are both ${x}: a member has no link to itself`);
    if (!cast.clusterOf(x).includes(to.value)) return err(`${x} and ${y} are members of two clusters`);
    links.push({ from: x, to: y }, ...(bothWays ? [{ from: y, to: x }] : []));
    flags.push(`${x}${bothWays ? '=' : '>'}${y}`);
  }
  const text = flags.join(',');
  // A shell takes `>` for a redirection.
  return ok({ links, flags: ` --link ${text.includes('>') ? `'${text}'` : text}`, where: linkTexts(wishes, flags) });
}

function linkTexts(wishes: readonly LinkWish[], flags: readonly string[]): string {
  return flags
    .map((flag, at) => {
      const [from = '', to = ''] = flag.split(/[=>]/);
      return wishes[at]?.bothWays === true ? `${from} and ${to}` : `${from} to ${to}`;
    })
    .join(', ');
}

export function namesOf(processes: readonly ProcessView[]): string[] {
  return processes.map(({ name }) => name);
}

export function othersThan(some: readonly string[], all: readonly string[]): string[] {
  return all.filter((name) => !some.includes(name));
}

/** Both directions of every link between the two groups. */
export function between(group: readonly string[], others: readonly string[]): Link[] {
  return group.flatMap((a) =>
    others.flatMap((b) => [
      { from: a, to: b },
      { from: b, to: a },
    ]),
  );
}

/** Every link there is, in both directions. */
export function meshOf(names: readonly string[]): Link[] {
  return names.flatMap((from) => othersThan([from], names).map((to) => ({ from, to })));
}

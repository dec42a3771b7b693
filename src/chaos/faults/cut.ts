/** Which links a partition cuts. Pure. */
import { unreachable } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Cast } from './cast.ts';
import type { Partition, Target } from './command.ts';
import { between, type Link, meshOf, namesOf, noLinks, othersThan, wishedLinks } from './links.ts';

export interface Cut {
  readonly links: readonly Link[];
  readonly flags: string;
  readonly text: string;
  readonly targets: readonly string[];
}

export function cutOf(partition: Partition, cast: Cast): Result<Cut, string> {
  switch (partition.type) {
    case 'isolate': {
      const found = cast.member(partition.target);
      if (!found.ok) return found;
      const { name } = found.value;
      const others = othersThan([name], namesOf(cast.clusterOf(name)));
      if (others.length === 0) return noLinks;
      return ok({
        links: between([name], others),
        flags: `--isolate ${name}`,
        text: `${name} is cut off from ${others.join(', ')}`,
        targets: [name],
      });
    }
    case 'halves':
      return cutHalves(partition.group, cast);
    case 'bridge':
      return cutBridge(partition.target, cast);
    case 'ring':
      return cutRing(cast);
    case 'links': {
      const chosen = wishedLinks(partition.links, cast);
      if (!chosen.ok) return chosen;
      const { links, flags, where } = chosen.value;
      const targets = [...new Set(links.flatMap(({ from, to }) => [from, to]))];
      return ok({ links, flags: flags.trim(), text: `cut: ${where}`, targets });
    }
    case 'leader-outbound':
    case 'leader-inbound':
      return cutLeader(partition.type, cast);
    case 'majority':
    case 'minority':
      return cutAround(partition.type, cast);
    default:
      return unreachable(partition);
  }
}

function cutHalves(group: readonly Target[] | null, cast: Cast): Result<Cut, string> {
  if (group === null) {
    const cluster = cast.cluster();
    if (!cluster.ok) return cluster;
    const names = namesOf(cluster.value);
    return halves(names.slice(0, Math.ceil(names.length / 2)), names);
  }
  const chosen: string[] = [];
  for (const target of group) {
    const found = cast.member(target);
    if (!found.ok) return found;
    chosen.push(found.value.name);
  }
  const names = namesOf(cast.clusterOf(chosen[0] ?? ''));
  const stranger = chosen.find((name) => !names.includes(name));
  if (stranger !== undefined) return err(`${chosen[0]} and ${stranger} are members of two clusters`);
  return halves(
    names.filter((name) => chosen.includes(name)),
    names,
  );
}

function halves(group: readonly string[], names: readonly string[]): Result<Cut, string> {
  const rest = othersThan(group, names);
  if (rest.length === 0 || group.length === 0) return err('both halves need a member');
  return ok({
    links: between(group, rest),
    flags: `--halves ${group.join(',')}`,
    text: `${group.join(', ')} and ${rest.join(', ')} do not hear each other`,
    targets: names,
  });
}

function cutBridge(target: Target, cast: Cast): Result<Cut, string> {
  const found = cast.member(target);
  if (!found.ok) return found;
  const { name } = found.value;
  const names = namesOf(cast.clusterOf(name));
  const others = othersThan([name], names);
  if (others.length < 2) return err('a bridge needs three members or more');
  const left = others.slice(0, Math.ceil(others.length / 2));
  const right = othersThan(left, others);
  return ok({
    links: between(left, right),
    flags: `--bridge ${name}`,
    text: `${left.join(', ')} and ${right.join(', ')} hear each other only through ${name}`,
    targets: names,
  });
}

function cutRing(cast: Cast): Result<Cut, string> {
  const cluster = cast.cluster();
  if (!cluster.ok) return cluster;
  const names = namesOf(cluster.value);
  const size = names.length;
  if (size < 4) return err('a ring needs four members or more: in a smaller one everybody is a neighbour');
  const links = meshOf(names).filter(({ from, to }) => {
    const distance = Math.abs(names.indexOf(from) - names.indexOf(to));
    return distance !== 1 && distance !== size - 1;
  });
  return ok({ links, flags: '--ring', text: `ring: ${[...names, names[0]].join(' – ')}`, targets: names });
}

function cutLeader(type: 'leader-outbound' | 'leader-inbound', cast: Cast): Result<Cut, string> {
  const leader = cast.process('leader');
  if (!leader.ok) return leader;
  const { name } = leader.value;
  const others = othersThan([name], namesOf(cast.clusterOf(name)));
  if (others.length === 0) return noLinks;
  const isOut = type === 'leader-outbound';
  const links = others.map((other) => (isOut ? { from: name, to: other } : { from: other, to: name }));
  // Who leads when the words are used again may be another: the links are what is the same.
  const flags = `--link '${links.map(({ from, to }) => `${from}>${to}`).join(',')}'`;
  const text = isOut ? `${name} is not heard by ${others.join(', ')}` : `${name} does not hear ${others.join(', ')}`;
  return ok({ links, flags, text, targets: [name] });
}

/** The leader with a majority, or with as many as are no majority; the others come in the order of the processes. */
function cutAround(type: 'majority' | 'minority', cast: Cast): Result<Cut, string> {
  const leader = cast.process('leader');
  if (!leader.ok) return leader;
  const { name } = leader.value;
  const names = namesOf(cast.clusterOf(name));
  if (names.length < 3) return err(`--${type} needs three members or more`);
  const quorum = Math.floor(names.length / 2) + 1;
  const company = othersThan([name], names).slice(0, (type === 'majority' ? quorum : names.length - quorum) - 1);
  const group = names.filter((one) => one === name || company.includes(one));
  return halves(group, names);
}

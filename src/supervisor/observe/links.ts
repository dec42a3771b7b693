/** The links between the etcds of a run, as the sending sides see them. Pure. */
import type { FaultFacts, LinkFacts } from './model.ts';

export interface LinkEnd {
  /** Of the process. */
  readonly name: string;
  readonly memberId: string | null;
  readonly clusterId: string | null;
  /** To its peers, by member id. */
  readonly links: ReadonlyMap<string, { readonly up: boolean | null; readonly rttMs: number | null }>;
}

/** Both directions between any two members of one cluster, in the order of the members. */
export function linksOf(members: readonly LinkEnd[], faults: readonly FaultFacts[]): LinkFacts[] {
  return members.flatMap((from) =>
    members.flatMap((to) => {
      if (from === to || from.clusterId === null || from.clusterId !== to.clusterId) return [];
      const view = to.memberId === null ? undefined : from.links.get(to.memberId);
      const touches = (fault: FaultFacts) => fault.links.some((one) => one.from === from.name && one.to === to.name);
      const ids = faults.filter(touches).map((fault) => fault.id);
      return [{ from: from.name, to: to.name, up: view?.up ?? null, rttMs: view?.rttMs ?? null, faults: ids }];
    }),
  );
}

/** Raises NOSPACE for this member, once for all requests that find no room at the same time. */
export class SpaceAlarm {
  private readonly propose: (done: () => void) => void;
  private waiting: (() => void)[] = [];

  /** `propose` puts the alarm into the log and calls back once it is applied, or cannot be. */
  constructor(propose: (done: () => void) => void) {
    this.propose = propose;
  }

  /** Calls back when the alarm is raised, or cannot be. */
  raise(done: () => void): void {
    this.waiting.push(done);
    if (this.waiting.length > 1) return;
    this.propose(() => {
      for (const waiter of this.waiting.splice(0)) waiter();
    });
  }
}

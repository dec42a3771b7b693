/**
 * The screen of the dashboard over three members as it would be again in another run: what differs between runs is masked, and
 * nothing else. Members are called by what they are, and stand in that order: `etcdL` leads, `etcdX` is the one that the last fault is about,
 * `etcdF` follows. Terms are letters in their order, figures of which only the form can be told are `#`, lanes are what they show since the last
 * fault, each sign once. What has no known form stays as it is, for the comparison to find. Rows and columns keep their places.
 */

export interface Cast {
  readonly leads: string | null;
  /** Whom the last fault was about. */
  readonly hit: string | null;
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Column titles of the table, with where they begin and end. */
interface Title {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

const leftAligned = ['NAME', 'ROLE', 'ENDPOINT', 'VERSION'];

/** What stands in the columns of which only the form is known. */
const forms: Readonly<Record<string, RegExp>> = {
  INDEX: /^\d+$/,
  APPLIED: /^\d+$/,
  LAG: /^[▁-█]+ +\d+$/,
  'COMMIT/S': /^[\d.]+k?$/,
  'DB/IN USE': /^[\d.]+[BKM]\/[\d.]+[BKM]$/,
  // None where nothing was written lately.
  SYNC99: /^(?:[\d.]+m?s|-)$/,
  HEALTH: /^(?:[\d.]+m?s|none)$/,
  CPU: /^\d+%$/,
  RSS: /^[\d.]+M$/,
  UP: /^[\dhms]+$/,
  STARTS: /^\d+$/,
  PID: /^\d+$/,
  ENDPOINT: /^127\.0\.0\.1:\d{5}$/,
};

const clock = /^\d\d:\d\d:\d\d/;

/** The rows of the table of members, by name: role and term as they stand there. */
export function membersOn(screen: string): ReadonlyMap<string, { readonly role: string; readonly term: string }> {
  const rows = [...screen.matchAll(/^[ ▸] (etcd\d) +(\S.*?) +(\d+|-) {2}/gm)];
  return new Map(rows.map(([, name = '', role = '', term = '']) => [name, { role, term }]));
}

export function masked(screen: string, size: Size, cast: Cast): string {
  return new Mask(screen, size, cast).text();
}

class Mask {
  readonly #rows: readonly string[];
  readonly #width: number;
  readonly #names: readonly string[];
  readonly #cast: Cast;
  readonly #terms: readonly string[];

  constructor(screen: string, { columns, rows }: Size, cast: Cast) {
    this.#width = columns;
    this.#rows = screen
      .split('\n')
      .slice(0, rows)
      .map((row) => row.padEnd(columns));
    this.#cast = cast;
    const members = membersOn(screen);
    this.#names = [...members.keys()].sort((a, b) => this.#rank(a) - this.#rank(b));
    const terms = [...members.values()].map((one) => one.term).filter((term) => term !== '-');
    this.#terms = [...new Set(terms)].sort((a, b) => Number(a) - Number(b));
  }

  text(): string {
    const rows = [...this.#rows];
    const at = (title: string) => rows.findIndex((row) => new RegExp(`^[━─]{2} ${title} `).test(row));
    const [members, timeline, logs] = [at('Members'), at('Leadership'), at('Logs')];
    if (members !== 1 || timeline < members || logs < timeline) return rows.map((row) => row.trimEnd()).join('\n');
    const masked = [
      this.#header(rows[0] ?? ''),
      rows[1] ?? '',
      ...this.#table(rows.slice(2, timeline)),
      ...this.#middle(rows.slice(timeline, logs)),
      filled(rows[logs] ?? '', /[\d,]+ lines/, '# lines'),
      ...rows.slice(logs + 1, -2).map((row) => this.#logLine(row)),
      ...rows.slice(-2),
    ];
    return `${masked.map((row) => row.trimEnd()).join('\n')}\n`;
  }

  #rank(name: string): number {
    if (name === this.#cast.leads) return 0;
    return name === this.#cast.hit ? 1 : 2;
  }

  #role(name: string): string {
    return `etcd${'LXF'[this.#rank(name)] ?? '?'}`;
  }

  /** Names, terms and ids of faults in a sentence. */
  #said(text: string): string {
    return text
      .replace(/\betcd\d, etcd\d\b/g, (list) =>
        list
          .split(', ')
          .sort((a, b) => this.#rank(a) - this.#rank(b))
          .join(', '),
      )
      .replace(/\betcd\d\b/g, (name) => this.#role(name))
      .replace(/\bterm (\d+)/g, (_, term: string) => `term ${this.#term(term)}`)
      .replace(/\bf\d+\b/g, 'f#');
  }

  #term(term: string): string {
    const rank = this.#terms.indexOf(term);
    return 'abcdefgh'[rank] ?? term;
  }

  #header(row: string): string {
    const [, left = row, tabs = ''] = /^(.*?\S) +((?: 1 overview .* 4 logs )?) *\d+[hms\d]* $/.exec(row) ?? [];
    const right = `${tabs}${'#'.padStart(7)} `;
    return this.#said(left).padEnd(this.#width - right.length) + right;
  }

  #table([titles = '', ...rows]: readonly string[]): readonly string[] {
    const columns = [...titles.matchAll(/\S+(?: \S+)*/g)].map((match): Title => {
      const [text] = match;
      return { text, from: match.index, to: match.index + text.length };
    });
    const named = new Map(rows.map((row) => [row.slice(2, 7), row]));
    return [titles, ...this.#names.map((name) => this.#tableRow(named.get(name) ?? '', columns))];
  }

  #tableRow(row: string, columns: readonly Title[]): string {
    let masked = row.slice(0, 2);
    for (const [index, { text, from, to }] of columns.entries()) {
      const isLeft = leftAligned.includes(text);
      const before = columns[index - 1];
      const next = columns[index + 1];
      const nextIsLeft = next === undefined || leftAligned.includes(next.text);
      // A column to the left reaches up to the next title, one to the right begins where the last one ended.
      const first = isLeft || before === undefined || leftAligned.includes(before.text) ? from : before.to;
      const last = !isLeft ? to : nextIsLeft ? (next?.from ?? this.#width) : next.from;
      const cell = this.#cell(text, row.slice(first, last).trim());
      masked = masked.padEnd(first) + (isLeft ? cell.padEnd(last - first) : cell.padStart(last - first));
    }
    return masked;
  }

  #cell(title: string, text: string): string {
    if (title === 'NAME') return this.#role(text);
    if (title === 'TERM') return this.#term(text);
    if (forms[title]?.test(text) !== true) return text;
    if (title === 'LAG') return '▁▁▁▁▁▁▁▁   #';
    return title === 'ENDPOINT' ? '127.0.0.1:#####' : '#';
  }

  /** The timeline, and beside it, where there is room, the links. */
  #middle([title = '', ...body]: readonly string[]): readonly string[] {
    const beside = title.indexOf('── Links ');
    const width = beside < 0 ? this.#width : beside - 1;
    const left = [
      filled(title.slice(0, width), /last change \S+/, 'last change #'),
      ...this.#timeline(body.map((row) => row.slice(0, width))),
    ];
    if (beside < 0) return left;
    const right = [title.slice(beside), ...this.#links(body.map((row) => row.slice(beside)))];
    return left.map((row, index) => `${row.padEnd(width)} ${right[index] ?? ''}`);
  }

  #timeline(rows: readonly string[]): readonly string[] {
    const count = rows.findIndex((row) => clock.test(row));
    const drawn = rows.slice(0, count);
    return [...(count === 1 ? this.#strip(drawn[0] ?? '') : this.#lanes(drawn)), ...this.#events(rows.slice(count))];
  }

  /** One lane for all, with the numbers of those who led: the last two. */
  #strip(row: string): readonly string[] {
    const label = row.slice(0, 6);
    const led = withoutRepeats(row.slice(6).replace(/[ ─]/g, '')).slice(-2);
    const roles = [...led].map((digit) => this.#role(`etcd${digit}`).slice(-1)).join('');
    return [label + roles.padStart(row.length - 7)];
  }

  #lanes(rows: readonly string[]): readonly string[] {
    const marks = rows[this.#names.length] ?? '';
    const since = Math.max(0, marks.lastIndexOf('!'));
    const shown = (row: string) =>
      withoutRepeats(
        row
          .slice(6, -1)
          .slice(Math.max(0, since - 6))
          .trimStart(),
      );
    const label = (name: string) => this.#role(name).padEnd(6);
    const padded = (text: string) => text.padStart(marks.length - 7);
    const lanes = new Map(rows.map((row) => [row.slice(0, 5), row]));
    return [
      // That a lane begins with nothing may fall within the column of the fault.
      ...this.#names.map((name) => label(name) + padded(shown(lanes.get(name) ?? '').replace(/^─(?=.)/, ''))),
      // Other signs may fall on the same column as these, which go before them.
      ' '.repeat(6) + padded(marks.slice(since).replace(/[ ★▲∘×↑]/g, '')),
      ...rows.slice(this.#names.length + 1).map((row) => row.replace(/\d/g, '#')),
    ];
  }

  /** What has changed since the last fault, its own row included; how it came about and what was before it differs each time. */
  #events(rows: readonly string[]): readonly string[] {
    const said = rows.map((row) =>
      this.#said(row)
        .trimEnd()
        .replace(/^[\d:.]{12}(?= )/, '##:##:##.###'),
    );
    const kept = said
      .filter((row) => /^\S+ [★!+×↑] /.test(row))
      .map((row) => row.replace(/(?<=leads in term \w, )[\d.]+m?s/, '#'));
    const fault = kept.findIndex((row) => /^\S+ ! /.test(row));
    const ours = kept.slice(0, fault >= 0 ? fault + 1 : this.#cast.hit === null ? 1 : kept.length);
    return [...ours, ...said.slice(ours.length).map(() => '…')];
  }

  #links([head = '', ...rows]: readonly string[]): readonly string[] {
    const cell = 15;
    const label = 7;
    const columns = new Map([0, 1, 2].map((at) => [head.slice(label + at * cell, label + (at + 1) * cell).trim(), at]));
    const named = new Map(rows.map((row) => [row.slice(0, 5), row]));
    const cells = (row: string) =>
      this.#names.map((name) => {
        const from = label + (columns.get(name) ?? 0) * cell;
        const text = row.slice(from, from + cell).trim();
        return this.#said(text.replace(/^● [\d.]+m?s/, '●')).padEnd(cell);
      });
    const faults = rows.slice(this.#names.length).map((row) => row.trimEnd());
    return [
      head.slice(0, label) + this.#names.map((name) => this.#role(name).padEnd(cell)).join(''),
      ...this.#names.map((name) => this.#role(name).padEnd(label) + cells(named.get(name) ?? '').join('')),
      ...this.#faults(faults),
    ];
  }

  /** Each in two rows, whether its figures are narrow enough for one or not. */
  #faults(rows: readonly string[]): readonly string[] {
    const text = rows.filter((row) => row !== '').join('\n');
    const apart = text.replace(/(?:\n?) {2,}[\dhms]+, bit after [\d.]+m?s/g, '\n   #, bit after #');
    return this.#said(apart).split('\n');
  }

  #logLine(row: string): string {
    return row.replace(/^(\d\d:\d\d:\d\d(?:\.\d{3})?) etcd\d [ WED*] \S.*$/, (_, time: string) => {
      return `${time.replace(/\d/g, '#')} etcd# …`;
    });
  }
}

/** A row whose rule gives way to a text of another width. */
function filled(row: string, variable: RegExp, fixed: string): string {
  const shorter = row.replace(variable, fixed);
  const rule = '─'.repeat(Math.max(0, row.length - shorter.length));
  return shorter.replace(/(?<=^── \w+ ─*)(?=─ )/, rule).slice(0, row.length);
}

function withoutRepeats(text: string): string {
  return text.replace(/(.)\1+/gu, '$1');
}

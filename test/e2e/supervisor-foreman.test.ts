/**
 * The collected Procfiles, run as foreman's users would, beside what foreman 0.87.2 made of them (foreman.txt: the lines of the
 * processes, `.1` left out where there is no formation, and the exit code). Equal where foreman is right; every difference is
 * listed here with its reason.
 */
import type { Case } from './golden-procfiles.ts';
import { compareWith, wholeLines } from './golden-procfiles.ts';

const linesLost = 'foreman loses what is in its pipes when it ends';
const endsAll = 'foreman ends all when one has ended, which is for --exit-on-error to say, and for failures only';

const table: Readonly<Record<string, Case>> = {
  '01-simple': { differs: { because: endsAll, like: 'goreman' } },
  '02-grammar': {
    differs: {
      because: "names are goreman's: foreman drops lines that are indented, dotted, …, silently",
      like: 'goreman',
    },
  },
  '03-dup': {
    differs: {
      because: 'of two entries with one name the second is ignored with a warning: nobody could tell them apart',
      like: 'goreman',
    },
  },
  '04-crlf': {},
  '05-exit3': { when: /bad \| exited with code 3/, signals: ['SIGINT'] },
  '06-lines': { differs: { because: linesLost, lines: wholeLines } },
  '07-huge': {},
  '08-env': { env: { Z: 'parent' } },
  '08b-env': { env: { Z: 'parent' } },
  '09-dollar': {
    differs: {
      because: "variables are the shell's: foreman replaces text, in single quotes and within longer names too",
      like: 'goreman',
      change: (lines) => lines.map((line) => line.replace('3:5000', '3:7000')),
    },
  },
  '10-stubborn': { args: ['--grace', '1s'], when: /(?:\| ready\n[\s\S]*){3}/, signals: ['SIGINT'] },
  '11-orphan': { when: /up/, signals: ['SIGINT'] },
  '12-badcmd': {
    when: /not found/,
    signals: ['SIGINT'],
    differs: { because: 'the shell says what is wrong, and its code is passed on', like: 'goreman', exit: 127 },
  },
  '13-empty': { differs: { because: 'foreman hangs, even after Ctrl-C, and is killed by its tester', exit: 1 } },
  '14-missing': {},
  '15-binary': {},
  '16-fourteen': {},
  '17-formation': { args: ['-m', 'web=2,work=3'] },
  '18-subset': {
    args: ['db', 'x'],
    differs: { because: 'foreman takes one name, and answers more with its usage', like: 'goreman' },
  },
  '19-hup': {
    when: /up/,
    signals: ['SIGHUP', 'SIGINT'],
    differs: { because: 'SIGHUP reads the files again', change: (lines) => lines },
  },
  '20-pipeheld': {},
  '21-term': { when: /up/, signals: ['SIGTERM'] },
  '22-int': { when: /up/, signals: ['SIGINT'] },
  '23-int-twice': { when: /(?:\| ready\n[\s\S]*){2}/, signals: ['SIGINT', 'SIGINT'] },
  '24-kill9': { when: /(?:\| up\n[\s\S]*){2}/, signals: ['SIGKILL'], differs: { because: 'killed', exit: null } },
  '25-restart-exit0': { differs: { because: endsAll, like: 'goreman' } },
};

compareWith('foreman', ['--env-rules', 'foreman', '--exit-code', 'first', '--stop-signal', 'TERM'], table);

/**
 * The collected Procfiles, run beside what goreman 0.3.19 made of them (goreman.txt: the lines of the processes, and the exit
 * code). Equal where goreman is right; every difference is listed here with its reason.
 */
import type { Case } from './golden-procfiles.ts';
import { compareWith, wholeLines } from './golden-procfiles.ts';

const table: Readonly<Record<string, Case>> = {
  '01-simple': {},
  '02-grammar': {},
  '03-dup': {},
  '04-crlf': {},
  '05-exit3': { when: /bad \| exited with code 3/, signals: ['SIGINT'] },
  '06-lines': {
    differs: {
      because: 'blank lines are kept, and a line that arrives in two parts stays one',
      lines: wholeLines,
    },
  },
  '07-huge': {},
  '08-env': {
    env: { Z: 'parent' },
    differs: {
      because: 'a broken env file is an error with its line, not silently dropped as a whole',
      lines: [],
      exit: 2,
    },
  },
  '08b-env': {
    env: { Z: 'parent' },
    differs: {
      because: 'PS is set, as foreman does',
      change: (lines) => lines.flatMap((line) => (line === 'p | PORT=5000' ? [line, 'p | PS=p.1'] : [line])),
    },
  },
  '09-dollar': {},
  '10-stubborn': { args: ['--grace', '1s'], when: /(?:\| ready\n[\s\S]*){3}/, signals: ['SIGINT'] },
  '11-orphan': {
    when: /up/,
    signals: ['SIGINT'],
    differs: { because: 'goreman hangs on the pipe that a stray holds, and is killed by its tester', exit: 0 },
  },
  '12-badcmd': { when: /not found/, signals: ['SIGINT'] },
  '13-empty': {},
  '14-missing': {},
  '15-binary': {},
  '16-fourteen': {},
  '18-subset': { args: ['db', 'x'] },
  '19-hup': {
    when: /up/,
    signals: ['SIGHUP', 'SIGINT'],
    differs: {
      because: 'SIGHUP reads the files again and ends nothing; the SIGINT that follows is passed on as it is',
      lines: ['a | up', 'a | got int'],
    },
  },
  '20-pipeheld': {},
  '21-term': { when: /up/, signals: ['SIGTERM'] },
  '22-int': { when: /up/, signals: ['SIGINT'] },
  '23-int-twice': { when: /(?:\| ready\n[\s\S]*){2}/, signals: ['SIGINT', 'SIGINT'] },
  '24-kill9': { when: /(?:\| up\n[\s\S]*){2}/, signals: ['SIGKILL'], differs: { because: 'killed', exit: null } },
  '25-restart-exit0': {},
};

compareWith('goreman', [], table);

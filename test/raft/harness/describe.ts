/** Dumps of entries, messages and Readys in the words of etcd-io/raft's transcripts. */
import { Reader } from '../../../src/proto/codec.ts';
import {
  type ConfChangeSingle,
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  entryType,
  type HardState,
  type Message,
  type Snapshot,
} from '../../../src/proto/raftpb.ts';
import { messageTypeName } from '../../../src/raft/describe.ts';
import type { Ready } from '../../../src/raft/ready.ts';
import { hex, localAppendThread, localApplyThread, none } from '../../../src/raft/types.ts';

export function describeReady(ready: Ready): string {
  let text = '';
  if (ready.softState !== null) text += `Lead:${ready.softState.lead} State:${ready.softState.raftState}\n`;
  if (ready.hardState !== null) text += `HardState ${describeHardState(ready.hardState)}\n`;
  if (ready.readStates.length > 0) {
    const states = ready.readStates.map((state) => `{${state.index} [${state.requestContext.join(' ')}]}`);
    text += `ReadStates [${states.join(' ')}]\n`;
  }
  if (ready.entries.length > 0) text += `Entries:\n${describeEntries(ready.entries)}`;
  if (ready.snapshot !== null) text += `Snapshot ${describeSnapshot(ready.snapshot)}\n`;
  if (ready.committedEntries.length > 0) text += `CommittedEntries:\n${describeEntries(ready.committedEntries)}`;
  if (ready.messages.length > 0) text += `Messages:\n${ready.messages.map((m) => `${describeMessage(m)}\n`).join('')}`;
  return text === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${text}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join('');
}

export function describeMessage(m: Message, indent = ''): string {
  let text = `${indent}${describeTarget(m.from)}->${describeTarget(m.to)} ${messageTypeName(m.type)}`;
  text += ` Term:${m.term} Log:${m.logTerm}/${m.index}`;
  if (m.reject) text += ` Rejected (Hint: ${m.rejectHint})`;
  if (m.commit !== 0) text += ` Commit:${m.commit}`;
  if (m.vote !== none) text += ` Vote:${m.vote}`;
  const [first] = m.entries;
  if (m.entries.length === 1 && first !== undefined) text += ` Entries:[${describeEntry(first)}]`;
  else if (m.entries.length > 1)
    text += ` Entries:[${m.entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}]`;
  if (m.snapshot !== null && m.snapshot.metadata.index !== 0)
    text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  if (m.responses.length > 0) {
    const responses = m.responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    text += ` Responses:[${responses.join('')}\n${indent}]`;
  }
  return text;
}

function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === none ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`;
}

function describeConfState(state: ConfState): string {
  const list = (ids: readonly bigint[]): string => `[${ids.join(' ')}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} ` +
    `Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

function describeTarget(id: bigint): string {
  if (id === none) return 'None';
  if (id === localAppendThread) return 'AppendThread';
  return id === localApplyThread ? 'ApplyThread' : hex(id);
}

const noBytes = new Uint8Array(0);

function describeEntry({ type, term, index, data }: Entry): string {
  const bytes = data ?? noBytes;
  const head = `${term}/${index}`;
  switch (type) {
    case entryType.normal:
      return `${head} EntryNormal ${quote(bytes)}`;
    case entryType.confChange: {
      const { type: changeType, nodeId } = decodeConfChange(new Reader(bytes));
      return `${head} EntryConfChange ${describeChanges([{ type: changeType, nodeId }])}`;
    }
    case entryType.confChangeV2: {
      const changes = describeChanges(decodeConfChangeV2(new Reader(bytes)).changes);
      return `${head} EntryConfChangeV2${changes === '' ? '' : ` ${changes}`}`;
    }
  }
}

const changeLetters = 'vrul';

/** The letters of the change types: v(oter), r(emove), u(pdate), l(earner). */
function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${changeLetters[type] ?? 'unknown'}${nodeId}`).join(' ');
}

/** Reads `v1 l2 r3 u4`. Throws with the text that the reference gives. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const tokens = text.trim() === '' ? [] : text.trim().split(' ');
  return tokens.map((token) => {
    if (token.length < 2) throw new Error(`unknown token ${token}`);
    const type = changeLetters.indexOf(token.charAt(0));
    if (type !== 0 && type !== 1 && type !== 2 && type !== 3) throw new Error(`unknown input: ${token}`);
    const digits = token.slice(1);
    if (!/^\d+$/.test(digits)) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`);
    return { type, nodeId: BigInt(digits) };
  });
}

const escapes: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** Go's `%q`, for bytes: printable ASCII as it is, what is no ASCII as text if it is UTF-8 of printable characters. */
function quote(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  if (Buffer.from(text).equals(bytes)) return `"${Array.from(text, quoteCharacter).join('')}"`;
  return `"${Array.from(bytes, (byte) => (byte < 0x80 ? quoteCharacter(String.fromCharCode(byte)) : hexByte(byte))).join('')}"`;
}

function quoteCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const special = escapes[code];
  if (special !== undefined) return special;
  if (code < 0x20 || code === 0x7f) return hexByte(code);
  return character;
}

function hexByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Text in double quotes as Go's %q prints it: status messages that clients see quote header values so. */

const named: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** Quotes a header value, one character per octet. Octets beyond ASCII are shown in hexadecimal. */
export function goQuote(octets: string): string {
  let quoted = '"';
  for (const char of octets) {
    const code = char.charCodeAt(0);
    const escaped = named[char];
    if (escaped !== undefined) quoted += escaped;
    else if (code >= 0x20 && code < 0x7f) quoted += char;
    else quoted += `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return `${quoted}"`;
}

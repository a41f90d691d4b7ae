/** What ssh2 proposes; its types say nothing of it. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: { DEFAULT_KEX: string[] };
  export default constants;
}

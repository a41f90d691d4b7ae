/** What ssh2 derives the keys of encrypted private keys with; it has no types. */
declare module 'bcrypt-pbkdf' {
  const bcrypt: {
    /** 0 when `key` was filled. */
    pbkdf(
      pass: Uint8Array,
      passBytes: number,
      salt: Uint8Array,
      saltBytes: number,
      key: Uint8Array,
      keyBytes: number,
      rounds: number,
    ): number;
  };
  export default bcrypt;
}

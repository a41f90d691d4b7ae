/** Keeps the value that a generator returns, which `for await` drops. `result` throws until the stream has ended. */
export function withResult<T, R>(
  generator: AsyncGenerator<T, R>,
): { stream: AsyncGenerator<T, void>; result: () => R } {
  let ended: { result: R } | undefined;
  async function* stream(): AsyncGenerator<T, void> {
    ended = { result: yield* generator };
  }
  return {
    stream: stream(),
    result: () => {
      if (ended === undefined) throw new Error('the stream was not read to its end');
      return ended.result;
    },
  };
}

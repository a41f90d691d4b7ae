/** What is used of WebAssembly: its types come with those of browsers, which must not be at hand here. */
declare namespace WebAssembly {
  interface Module {
    readonly module: unique symbol;
  }
  const Module: new (bytes: Uint8Array) => Module;
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  const Instance: new (module: Module) => Instance;
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
}

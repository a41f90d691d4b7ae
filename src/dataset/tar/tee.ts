import type { EntrySink } from './format.js';

/** One sink that gives every entry to each of these, in this order. */
export function tee(...sinks: readonly EntrySink[]): EntrySink {
  return {
    begin: (entry) => sinks.forEach((sink) => sink.begin(entry)),
    data: (bytes) => sinks.forEach((sink) => sink.data(bytes)),
    end: () => sinks.forEach((sink) => sink.end()),
  };
}

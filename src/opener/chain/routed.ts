import { fromBytes } from '../../dataset/bytestring.js';
import type { EntrySink, TarEntry } from '../../dataset/tar/format.js';
import { TarReader } from '../../dataset/tar/read.js';
import { MANIFEST_PATH } from '../../dataset/manifest.js';
import { isInterleaved, partName } from '../../names/archive.js';
import type { Consumer } from '../../open/consumer.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Where the content of one file goes. */
export interface Route {
  write(bytes: Bytes): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

type Step = { kind: 'begin'; entry: TarEntry } | { kind: 'data'; bytes: Bytes } | { kind: 'end' };

/** Sends each file of a suitcase to where it is wanted, those in parts as one. */
export class Routed implements Consumer {
  readonly #joined: { has(path: string): boolean };
  readonly #routeOf: (path: string) => Promise<Route | null>;
  readonly #tar: TarReader;
  #steps: Step[] = [];
  #current: Route | null = null;
  /** Whether more parts may follow of what goes by. */
  #isPart = false;
  /** Files in parts that may go on: depot's own, and one of the dataset. */
  readonly #own = new Map<string, Route | null>();
  #series: { path: string; route: Route | null } | null = null;

  /** `routeOf`: null for what is not wanted; asked once for each file, in the order of the archive. */
  constructor(joined: { has(path: string): boolean }, routeOf: (path: string) => Promise<Route | null>) {
    this.#joined = joined;
    this.#routeOf = routeOf;
    const sink: EntrySink = {
      begin: (entry) => void this.#steps.push({ kind: 'begin', entry }),
      data: (bytes) => void this.#steps.push({ kind: 'data', bytes: bytes as Bytes }),
      end: () => void this.#steps.push({ kind: 'end' }),
    };
    this.#tar = new TarReader(sink);
  }

  async write(bytes: Bytes): Promise<void> {
    this.#tar.write(bytes);
    await this.#work();
  }

  async end(): Promise<null> {
    this.#tar.end();
    await this.#work();
    for (const route of this.#open()) await route.close();
    return null;
  }

  /** After a failure. */
  async abandon(): Promise<void> {
    for (const route of [this.#current, ...this.#open()]) await route?.abort().catch(() => undefined);
  }

  async #work(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    for (const step of steps) {
      if (step.kind === 'begin') await this.#begin(step.entry);
      else if (step.kind === 'data') await this.#current?.write(step.bytes);
      else await this.#end();
    }
  }

  async #begin({ path: bytes, type }: TarEntry): Promise<void> {
    const path: string = fromBytes(bytes);
    const isOwn = path.startsWith('DEPOT/');
    const part = type === 'file' ? partName(path) : null;
    // Of depot's own no others are in parts, and each of these is remembered.
    this.#isPart =
      part !== null &&
      (isOwn ? part.joined === MANIFEST_PATH || isInterleaved(part.joined) : this.#joined.has(part.joined));
    if (this.#isPart) this.#current = await (isOwn ? this.#ownPart(part!.joined) : this.#seriesPart(part!.joined));
    else {
      if (!isOwn) await this.#endSeries();
      this.#current = type === 'file' ? await this.#routeOf(path) : null;
    }
  }

  async #ownPart(joined: string): Promise<Route | null> {
    let route = this.#own.get(joined);
    if (route === undefined) this.#own.set(joined, (route = await this.#routeOf(joined)));
    return route;
  }

  async #seriesPart(joined: string): Promise<Route | null> {
    if (this.#series?.path !== joined) {
      await this.#endSeries();
      this.#series = { path: joined, route: await this.#routeOf(joined) };
    }
    return this.#series.route;
  }

  async #end(): Promise<void> {
    const route = this.#current;
    this.#current = null;
    if (!this.#isPart) await route?.close();
  }

  async #endSeries(): Promise<void> {
    const series = this.#series;
    this.#series = null;
    await series?.route?.close();
  }

  #open(): Route[] {
    return [this.#series?.route, ...this.#own.values()].filter((route) => route != null);
  }
}

/** What has been answered so far, kept beside the depot.yaml to be: a set-up can be left at any question. No secrets. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { readTrusted } from '../../config/locate.js';
import { writeFileAtomic } from '../../durable-file.js';
import { openDirectory } from '../open-directory.js';
import { Secret } from '../../secret.js';
import { isSourceAnswer, type SourceAnswer } from './source-answer.js';

/** Everything that depot.yaml needs. Paths are absolute. */
export interface Answers {
  /** The account that pushes; empty for the one that sets up. */
  user: string;
  /** Where receipts and ledger go. */
  state: string;
  supplier: string;
  arrangement: string;
  keyFile: string;
  beneficiary: string;
  fingerprint: string;
  /** A signing key that exists; null: one is made. */
  signer: string | null;
  signerEmail: string;
  sources: SourceAnswer[];
  host: string;
  port: number;
  username: string;
  directory: string;
  /** An SSH key; null: a password, or `sshAgent`. */
  privateKey: string | null;
  /** As depot.yaml has them; left out where there are none. */
  sshAgent?: string | true;
  sshConfig?: string | true;
  /** `user@host:port`. */
  proxyJump?: string;
  proxyJumpHostKeys?: string[];
  hostKeys: string[];
  every: string;
}

export type Draft = Partial<Answers>;

const known: Record<keyof Answers, (value: unknown) => boolean> = {
  user: isText,
  state: isText,
  supplier: isText,
  arrangement: isText,
  keyFile: isText,
  beneficiary: isText,
  fingerprint: isText,
  signerEmail: isText,
  host: isText,
  username: isText,
  directory: isText,
  every: isText,
  signer: isTextOrNull,
  privateKey: isTextOrNull,
  port: (value) => Number.isInteger(value),
  hostKeys: isTexts,
  sshAgent: isTextOrTrue,
  sshConfig: isTextOrTrue,
  proxyJump: isText,
  proxyJumpHostKeys: isTexts,
  sources: (value) => Array.isArray(value) && value.length > 0 && value.every(isSourceAnswer),
};

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}

function isTextOrTrue(value: unknown): boolean {
  return value === true || isText(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function draftFile(config: string): string {
  return `${config}.answers.json`;
}

/** Null when there is none, or none that can be read. @throws DepotError 'config-insecure' when others could have written it */
export async function readDraft(config: string): Promise<Draft | null> {
  const found = await readTrusted(draftFile(config));
  if (found === undefined) return null;
  try {
    const all = JSON.parse(found.toString('utf8')) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(all).filter(([key, value]) => Object.hasOwn(known, key) && known[key as keyof Answers](value)),
    );
  } catch {
    return null;
  }
}

export async function keepDraft(config: string, draft: Draft): Promise<void> {
  await openDirectory(path.dirname(config));
  await writeFileAtomic(draftFile(config), `${JSON.stringify(draft, withoutSecrets, 2)}\n`);
}

/** A password that was typed leaves null: it is asked for again. */
function withoutSecrets(this: Record<string, unknown>, key: string, value: unknown): unknown {
  return this[key] instanceof Secret ? null : value;
}

export async function forgetDraft(config: string): Promise<void> {
  await rm(draftFile(config), { force: true });
}

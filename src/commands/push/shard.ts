/** Which part of the arrangements this process is for: said by `--shard`, or by the environment of a CI system or of Kubernetes. */
import type { Shard } from '../../push/shard.js';
import { usage } from '../flags.js';

/** More than any fleet has, and few enough that dividing thousands of arrangements takes no time. */
const mostShards = 1000;

/** `2/4`: the second of four. */
export function parseShard(text: string): Shard {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, of] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || of < 1 || of > mostShards || index < 1 || index > of) {
    throw usage(
      `--shard ${JSON.stringify(text)}: expected i/n, from 1/n to n/n, and n at most ${mostShards}`,
      'for example: --shard 1/4',
    );
  }
  return { index, of };
}

/**
 * The shard that the environment names, or null. Kubernetes counts the pods of an Indexed Job from 0 in JOB_COMPLETION_INDEX, and says
 * nowhere how many there are: the manifest repeats that in JOB_COMPLETIONS. GitLab counts its parallel jobs from 1.
 */
export function shardFrom(env: NodeJS.ProcessEnv): (Shard & { by: string }) | null {
  if (env.JOB_COMPLETION_INDEX) {
    if (!env.JOB_COMPLETIONS) {
      throw usage(
        `JOB_COMPLETION_INDEX is ${env.JOB_COMPLETION_INDEX}, but JOB_COMPLETIONS is not set`,
        'set JOB_COMPLETIONS to the same number as `completions`, or give --shard i/n (1/1: all of them)',
      );
    }
    return shard('JOB_COMPLETION_INDEX', env.JOB_COMPLETION_INDEX, 1, 'JOB_COMPLETIONS', env.JOB_COMPLETIONS);
  }
  if (env.CI_NODE_INDEX && env.CI_NODE_TOTAL)
    return shard('CI_NODE_INDEX', env.CI_NODE_INDEX, 0, 'CI_NODE_TOTAL', env.CI_NODE_TOTAL);
  return null;
}

function shard(indexName: string, index: string, offset: number, ofName: string, of: string): Shard & { by: string } {
  const by = `${indexName}=${index} and ${ofName}=${of}`;
  const first = 1 - offset;
  if (
    !/^\d{1,6}$/.test(index) ||
    !/^\d{1,6}$/.test(of) ||
    Number(index) < first ||
    Number(index) + offset > Number(of) ||
    Number(of) > mostShards
  ) {
    throw usage(`${by} do not name a part of the arrangements`, 'give --shard i/n');
  }
  return { index: Number(index) + offset, of: Number(of), by };
}

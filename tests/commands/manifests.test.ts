/** The manifests in docs/deploy, checked against what is published for them: Kubernetes's types, GitLab's schema, GitHub's own parser. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as WorkflowParser from '@actions/workflow-parser';
import { Ajv } from 'ajv';
import { build } from 'esbuild';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { pushOptions } from '../../src/commands/push.js';
import { shardFrom } from '../../src/commands/push/shard.js';
import { tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';

const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { name: string };
const read = (name: string): string => readFileSync(join(checkout, 'docs/deploy', name), 'utf8');

interface PodSpec {
  securityContext: object;
  volumes: { name: string }[];
}
interface JobSpec {
  completions: number;
  parallelism: number;
  template: { spec: PodSpec & { containers: { command: string[]; env: { name: string; value: string }[] }[] } };
}

describe('Kubernetes', () => {
  /** What the compiler reports for the objects as literals of their types: unknown keys, missing ones, wrong values. */
  function typeErrors(objects: { type: 'CronJob' | 'Job' | 'Deployment'; value: unknown }[]): string[] {
    const file = join(tempDir('depot-manifests'), 'manifests.ts');
    const types = join(checkout, 'node_modules/kubernetes-types');
    writeFileSync(
      file,
      [
        `import type { CronJob, Job } from ${JSON.stringify(join(types, 'batch/v1'))};`,
        `import type { Deployment } from ${JSON.stringify(join(types, 'apps/v1'))};`,
        ...objects.map(({ type, value }, i) => `export const m${i}: ${type} = ${JSON.stringify(value)};`),
      ].join('\n'),
    );
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
      lib: ['lib.es2022.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    });
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  }
  const cronJob = parse(read('kubernetes-cronjob.yaml')) as { spec: { jobTemplate: { spec: JobSpec } } };
  const job = parse(read('kubernetes-job.yaml')) as { spec: JobSpec };

  const metrics = parse(read('kubernetes-metrics.yaml')) as { spec: { template: { spec: PodSpec } } };

  test('CronJob, Job and Deployment satisfy the types of Kubernetes 1.30; a misspelt key and a wrong type do not', () => {
    expect(
      typeErrors([
        { type: 'CronJob', value: cronJob },
        { type: 'Job', value: job },
        { type: 'Deployment', value: metrics },
      ]),
    ).toEqual([]);
    const misspelt = structuredClone(cronJob) as unknown as {
      spec: { jobTemplate: { spec: Record<string, unknown> } };
    };
    misspelt.spec.jobTemplate.spec['completionsMode'] = 'Indexed';
    const wrong = { ...job, spec: { ...job.spec, completions: '4' } };
    expect(
      typeErrors([
        { type: 'CronJob', value: misspelt },
        { type: 'Job', value: wrong },
      ]),
    ).toEqual([expect.stringContaining('completionsMode'), expect.stringContaining('number')]);
  });

  test('each pod knows its index and the number of pods, and pushes its part', () => {
    expect(cronJob.spec.jobTemplate.spec).toEqual(job.spec);
    const { completions, parallelism, template } = job.spec;
    const [container] = template.spec.containers;
    const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    const shards = Array.from({ length: completions }, (_, i) =>
      shardFrom({ ...env, JOB_COMPLETION_INDEX: String(i) }),
    );
    expect(shards.map((shard) => [shard?.index, shard?.of])).toEqual(shards.map((_, i) => [i + 1, completions]));
    expect(parallelism).toBe(completions);
    expect(container.command.slice(0, 3)).toEqual(['depot', 'push', '--all']);
  });

  test('the pod with the metrics runs as the account of the job, on the same state', () => {
    const [of, job1] = [metrics.spec.template.spec, job.spec.template.spec];
    expect(of.securityContext).toEqual(job1.securityContext);
    const state = ({ volumes }: PodSpec) => volumes.find(({ name }) => name === 'state');
    expect(state(of)).toEqual(state(job1));
  });
});

test('the Dockerfile takes what npm pack makes, on a Node that will do, and installs it without a network', () => {
  const lines = read('Dockerfile')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['FROM', 'COPY', 'RUN', 'RUN', 'USER', 'CMD']);
  const [from, copy, install, state, user] = lines;
  expect(Number(/^FROM node:(\d+)-slim$/.exec(from)![1])).toBeGreaterThanOrEqual(20);
  expect(copy).toContain(`${manifest.name.replace('@', '').replace('/', '-')}-*.tgz`);
  expect(install).toContain('npm install --global --offline --ignore-scripts');
  expect(state).toMatch(/^RUN install --directory --owner=10001 --group=10001 .* \/var\/lib\/depot$/);
  expect(user).toBe('USER 10001:10001');
});

describe('GitLab', () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const valid = ajv.compile(
    JSON.parse(readFileSync(join(checkout, 'test-fixtures/schemas/gitlab-ci.schema.json'), 'utf8')) as object,
  );
  const pipeline = parse(read('gitlab-ci.yml')) as Record<string, Record<string, unknown>>;

  test("the pipeline satisfies GitLab's schema; a misspelt key and a wrong value do not", () => {
    expect(valid(pipeline), JSON.stringify(valid.errors)).toBe(true);
    expect(valid({ ...pipeline, deposit: { ...pipeline['deposit'], paralel: 4 } })).toBe(false);
    expect(valid({ ...pipeline, deposit: { ...pipeline['deposit'], parallel: 'four' } })).toBe(false);
  });

  test('each of its parallel jobs pushes one part', () => {
    const parallel = String(pipeline['deposit']['parallel']);
    expect(shardFrom({ CI_NODE_INDEX: '1', CI_NODE_TOTAL: parallel })).toMatchObject({ index: 1, of: 4 });
    expect(shardFrom({ CI_NODE_INDEX: parallel, CI_NODE_TOTAL: parallel })).toMatchObject({ index: 4, of: 4 });
  });
});

describe('GitHub', () => {
  const workflow = read('github-actions.yml');

  /** The errors of each workflow. GitHub's parser is bundled first, since it imports JSON in a way that Node does not support. */
  async function errorsOf(...workflows: string[]): Promise<string[][]> {
    const outfile = join(tempDir('depot-workflow'), 'parser.mjs');
    await build({
      stdin: { contents: "export * from '@actions/workflow-parser';", resolveDir: checkout },
      bundle: true,
      format: 'esm',
      platform: 'node',
      outfile,
      logLevel: 'error',
    });
    const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = (await import(
      pathToFileURL(outfile).href
    )) as typeof WorkflowParser;
    return Promise.all(
      workflows.map(async (content) => {
        const { context, value } = parseWorkflow({ name: 'depot.yml', content }, new NoOperationTraceWriter());
        if (value === undefined) return ['no workflow'];
        await convertWorkflowTemplate(context, value);
        return context.errors.getErrors().map(({ message }) => message);
      }),
    );
  }

  test("GitHub's parser accepts the workflow, but no misspelt key, wrong value or unknown name", async () => {
    const [good, ...bad] = await errorsOf(
      workflow,
      workflow.replace('runs-on:', 'run-on:'),
      workflow.replace('fail-fast: false', 'fail-fast: perhaps'),
      workflow.replace('${{ matrix.shard }}/', '${{ matrx.shard }}/'),
    );
    expect(good).toEqual([]);
    for (const errors of bad) expect(errors.length).toBeGreaterThan(0);
  });

  test('its matrix has each part once', () => {
    const { jobs } = parse(workflow) as {
      jobs: { deposit: { strategy: { matrix: { shard: number[] } }; steps: { run?: string }[] } };
    };
    const {
      strategy: {
        matrix: { shard },
      },
      steps,
    } = jobs.deposit;
    const { run } = steps.find((step) => step.run?.includes('--shard'))!;
    expect(shard).toEqual(shard.map((_, i) => i + 1));
    const shown = shard.map((index) =>
      run!.replace('${{ matrix.shard }}', String(index)).replace('${{ strategy.job-total }}', String(shard.length)),
    );
    for (const [i, line] of shown.entries()) {
      expect(pushOptions([], { all: true, shard: /--shard (\S+)/.exec(line)![1] }).shard).toEqual({
        index: i + 1,
        of: shard.length,
      });
    }
  });
});

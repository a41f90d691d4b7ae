import path from 'node:path';
import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import type { Job, Printed } from './job.js';
import { clockText, statusMinute, two } from './tries.js';

/** Two tasks for the Windows Task Scheduler, which makes up for a missed run and starts no second one of the same task. */
export function windowsTask(job: Job): Printed {
  // The scheduler puts the value of a variable there, and knows no way to write the name itself.
  const variable = [...job.command, ...job.status, job.configDirectory].find((word) => /%[^%]+%/.test(word));
  if (variable !== undefined)
    throw usage(
      `${JSON.stringify(variable)} contains ${/%[^%]+%/.exec(variable)![0]}, which the Task Scheduler takes for a variable`,
      'rename that file or directory',
    );
  if (job.user !== undefined && /["/[\]:;|=,+*?<>%]/.test(job.user))
    throw usage(`--user ${JSON.stringify(job.user)} is not the name of an account`);
  const [first] = job.tries;
  const more = job.tries.length - 1;
  // The last one is before the end of the duration, and not at it.
  const daily = `
    <CalendarTrigger>
      <StartBoundary>2026-01-01T${clockText(first!)}:00</StartBoundary>${more === 0 ? '' : repetition(`PT${more}H30M`)}
      <ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>
    </CalendarTrigger>`;
  const hourly = `
    <TimeTrigger>
      <StartBoundary>2026-01-01T00:${two(statusMinute(first!))}:00</StartBoundary>${repetition()}
    </TimeTrigger>`;
  const push = logonOf(job, 'depot');
  const status = logonOf(job, 'depot-status');
  return {
    files: [
      { path: 'depot.xml', contents: task(job, push, 'deposit with the escrow agent', job.command, daily) },
      { path: 'depot-status.xml', contents: task(job, status, 'hourly check', job.status, hourly) },
    ],
    paste: [
      `${job.out === undefined ? 'save this file as depot.xml; then, ' : ''}in a console opened as administrator:`,
      ...job.prepare,
      push.register,
      ...(job.out === undefined ? [] : [status.register]),
      'schtasks /Run /TN depot',
    ],
  };
}

/** Every hour, for as long; without an end when that is left out. */
function repetition(duration?: string): string {
  return `
      <Repetition>
        <Interval>PT1H</Interval>${duration === undefined ? '' : `\n        <Duration>${duration}</Duration>`}
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>`;
}

interface Logon {
  account: string;
  logon: string;
  /** What is typed to make the task. */
  register: string;
}

function task(
  job: Job,
  { account, logon }: Logon,
  description: string,
  [program, ...parameters]: readonly string[],
  triggers: string,
): string {
  // Without an encoding, and in ASCII: PowerShell's redirection makes UTF-16 of it, that of cmd.exe leaves it as it is.
  return `<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${xml(`depot: ${description} (${job.what})`)}</Description>
  </RegistrationInfo>
  <Triggers>${triggers}
  </Triggers>
  <Principals>
    <Principal id="depot">
      <UserId>${xml(account)}</UserId>
      <LogonType>${logon}</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
  </Settings>
  <Actions Context="depot">
    <Exec>
      <Command>${xml(program!)}</Command>
      <Arguments>${xml(parameters.map(quoted).join(' '))}</Arguments>
      <WorkingDirectory>${xml(job.configDirectory)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`;
}

/** By number: their names differ with the language of Windows. */
const services: Readonly<Record<string, string>> = {
  SYSTEM: 'S-1-5-18',
  'LOCAL SERVICE': 'S-1-5-19',
  'NETWORK SERVICE': 'S-1-5-20',
};

/** The SID of an account that logs on without a password, and that Windows itself has; undefined for others. */
export function serviceSid(account: string): string | undefined {
  const name = account.toUpperCase().replace(/^NT AUTHORITY\\/, '');
  return Object.values(services).includes(name) ? name : services[name.replace(/^(LOCAL|NETWORK)(?=SERVICE$)/, '$1 ')];
}

/**
 * How the task logs on. S4U for this account: no password is kept, which anyhow ends the runs when it changes; depot's secrets
 * are in files, and SFTP needs no Windows credentials. For another account Windows wants its password, except for those that
 * have none: services, and managed accounts (`acme\svc$`), whose password Windows gets itself.
 */
function logonOf({ user, ownAccount, out }: Job, name: string): Logon {
  const file = out === undefined ? `${name}.xml` : path.join(out, `${name}.xml`);
  const create = `schtasks /Create /TN ${name} /XML ${out === undefined ? file : shellWord(file, 'win32')}`;
  const account = user ?? 'NT AUTHORITY\\LOCAL SERVICE';
  const service = serviceSid(account);
  if (service !== undefined) return { account: service, logon: 'ServiceAccount', register: create };
  if (ownAccount === true) return { account, logon: 'S4U', register: create };
  if (!account.endsWith('$'))
    return { account, logon: 'Password', register: `${create} /RU ${shellWord(account, 'win32')} /RP *` };
  // Between '…' PowerShell takes other quotes for ' as well, and what "…" is around is looked through for $ and ` first.
  if (out !== undefined && /["$`\u2018-\u201f]/.test(out))
    throw usage(
      `--out ${JSON.stringify(out)} contains a character that means something else in PowerShell`,
      'choose another directory',
    );
  const named = `'${file.replace(/'/g, "''")}'`;
  return {
    account,
    logon: 'Password',
    register: `powershell -NoProfile -Command "Register-ScheduledTask -TaskName ${name} -Xml (Get-Content -Raw -LiteralPath ${named})"`,
  };
}

function xml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[^\t\n -~]/gu, (c) => `&#${c.codePointAt(0)!};`);
}

/** As CommandLineToArgvW takes it apart again: backslashes count only before a quote. */
function quoted(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}

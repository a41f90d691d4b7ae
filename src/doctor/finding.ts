/** One thing that was looked at, and what to do about it. */
export interface Finding {
  name: string;
  result: 'passed' | 'warning' | 'failed' | 'not possible';
  detail: string;
  hint?: string;
}

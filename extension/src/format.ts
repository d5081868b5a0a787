import type { TranslationBundle } from '@jupyterlab/translation';

import type { IQuota, ISubmission, State } from './messages';

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1]
];
const AGO = new Map<string | undefined, Intl.RelativeTimeFormat>();

/** A moment from `now`, such as "3 minutes ago" or "in 2 days", in the language `locale`. */
export function formatAgo(moment: string, now: number, locale?: string): string {
  const seconds = (Date.parse(moment) - now) / 1000;
  const format = AGO.get(locale) ?? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  AGO.set(locale, format); // each row of a long list wants one, and making it takes longer than using it
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length || unit === 'second') {
      return format.format(Math.trunc(seconds / length), unit);
    }
  }
  return '';
}

/** A moment in the reader's own time zone. */
export function formatMoment(moment: string, locale?: string): string {
  return momentFormat(locale).format(new Date(moment));
}

/** What formats moments, for who has many of them. */
export function momentFormat(locale?: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
}

/** Seconds as "1:05". */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** A state's name. */
export function formatState(state: State, trans: TranslationBundle): string {
  switch (state) {
    case 'queued':
      return trans.__('Queued');
    case 'rehearsing':
      return trans.__('Rehearsing');
    case 'running':
      return trans.__('Running');
    case 'scoring':
      return trans.__('Scoring');
    case 'scored':
      return trans.__('Scored');
    case 'failed':
      return trans.__('Failed');
    case 'refused':
      return trans.__('Refused');
    case 'cancelled':
      return trans.__('Cancelled');
  }
}

/** How many submissions are left of a quota: today's, or all of the phase, whichever is less; undefined without a limit. */
export function submissionsLeft(quota: IQuota): number | undefined {
  const left = [
    quota.per_day === undefined ? undefined : quota.per_day - quota.used_today,
    quota.total === undefined ? undefined : quota.total - quota.used_total
  ].filter(count => count !== undefined);
  return left.length ? Math.max(0, Math.min(...left)) : undefined;
}

/** How many bits may still be revealed. */
export function bitsLeft(quota: IQuota, budget: number): number {
  return Math.max(0, budget - quota.revealed_bits);
}

/** Bits with one decimal at most. */
export function formatBits(bits: number, locale?: string): string {
  return bits.toLocaleString(locale, { maximumFractionDigits: 1 });
}

/** What a submission is called: its name, else its notebook's, else the end of its identifier. */
export function formatName(submission: ISubmission, trans: TranslationBundle): string {
  if (submission.name !== '') {
    return submission.name;
  }
  return submission.notebook?.split('/').pop() ?? trans.__('Submission %1', submission.id.slice(-8));
}

/** A sentence of the server's own closed list (`explain.py`), in the reader's language; `reason` may be a Python exception. */
export function formatSaid(sentence: string, trans: TranslationBundle, reason?: string): string {
  // eslint-disable-next-line jupyter/no-dynamic-translation -- the catalogue has each sentence of that list
  const said = trans.__(sentence);
  return reason && /^[A-Z]/.test(reason) ? `${said.replace(/\.$/, '')} (${reason}).` : said;
}

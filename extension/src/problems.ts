import type { TranslationBundle } from '@jupyterlab/translation';

import { formatSaid } from './format';
import type { IJob, IProblem } from './messages';

/** What to say of a problem, and the step that leads on. `action` is what a button beside it may do. */
export interface IAdvice {
  sentence: string;
  next: string;
  action?: 'join' | 'login' | 'kit' | 'retry' | 'reload';
}

/**
 * The words for a problem. Codes that are known have a sentence in the reader's language; the detail that the
 * gateway or the server gave stands after it. Others are shown as they came.
 */
export function adviceFor(problem: IProblem, trans: TranslationBundle): IAdvice {
  const detail = problem.message;
  switch (problem.code) {
    case 'gateway_unreachable':
      return {
        sentence: trans.__('The gateway cannot be reached.'),
        next: trans.__('Nothing is lost: it is tried again by itself. Check your network if it lasts.'),
        action: 'retry'
      };
    case 'jupyter_unreachable':
      return {
        sentence: trans.__('Jupyter Server cannot be reached.'),
        next: trans.__('Check whether it is running, then try again.'),
        action: 'retry'
      };
    case 'jupyter_login':
      return {
        sentence: trans.__('Your login to Jupyter has ended.'),
        next: trans.__('Reload the page and log in again.'),
        action: 'reload'
      };
    case 'extension_missing':
      return {
        sentence: trans.__('The server extension participant_kit is not running.'),
        next: trans.__(
          'Enable it with "jupyter server extension enable participant_kit" and restart Jupyter.'
        )
      };
    case 'tls':
      return {
        sentence: trans.__('The gateway has a certificate that this machine does not trust.'),
        next: trans.__(
          'Check the address. Nothing was sent. If your network opens TLS, ask for its certificate.'
        )
      };
    case 'no_token':
    case 'no_gateway':
      return {
        sentence: trans.__('You are not logged in to this gateway.'),
        next: trans.__('Enter the token from your invitation.'),
        action: 'login'
      };
    case 'codabench_login':
      return {
        sentence: trans.__('You are not logged in to this Codabench server, or no more.'),
        next: trans.__('Enter in a terminal: pkit login --codabench, and the address of the server.')
      };
    case 'not_admitted':
      return {
        sentence: trans.__('You are not admitted to this competition.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    case 'token_unknown':
    case 'token_missing':
    case 'token_expired':
      return {
        sentence: trans.__('The gateway does not take your token any more.'),
        next: trans.__('Ask the organizer for a new one and enter it.'),
        action: 'login'
      };
    case 'phase_closed':
      return {
        sentence: trans.__('No phase of this challenge is open.'),
        next: problem.hint || trans.__('Wait for the next phase.')
      };
    case 'quota_spent':
      return {
        sentence: trans.__('Your quota is spent.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    case 'old_kit':
      return {
        sentence: trans.__('The organizer has published a new starter kit.'),
        next: trans.__('Update the kit; your own notebooks are kept.'),
        action: 'kit'
      };
    case 'keys_changed':
      return {
        sentence: trans.__('The new kit has other keys than the one you have.'),
        next: trans.__(
          'Ask the data holder whether they changed, and join again with the checksum of the new kit.'
        ),
        action: 'join'
      };
    case 'older_kit':
      return {
        sentence: trans.__('The gateway offers an older kit than the one you have.'),
        next: trans.__(
          'Ask the organizer whether the newer one was taken back, and join again with the checksum of the older.'
        ),
        action: 'join'
      };
    case 'revocation_missing':
      return {
        sentence: trans.__('The new kit does not say any more that a key was revoked.'),
        next: trans.__('Do not use it: a revocation is for ever. Ask the data holder.')
      };
    case 'no_kit':
      return {
        sentence: trans.__('This notebook belongs to no challenge.'),
        next: trans.__('Join a challenge, and work in the folder of its kit.'),
        action: 'join'
      };
    case 'newer_schema':
      return {
        sentence: trans.__('This needs a newer version of participant-kit.'),
        next: trans.__('Upgrade with "pip install -U participant-kit" and restart Jupyter.')
      };
    case 'checksum':
      return {
        sentence: trans.__('The kit is not the one that was announced.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    case 'notebook':
      return {
        sentence: trans.__('The notebook cannot be sent as it is.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    case 'findings':
      // The kit's own files have findings too, which are not the participant's to correct.
      if (problem.findings?.some(finding => !finding.file.endsWith('.ipynb'))) {
        return {
          sentence: trans.__('A file of the kit is not what it should be.'),
          next: trans.__('Update the kit; your own notebooks are kept.'),
          action: 'kit'
        };
      }
      return {
        sentence: trans.__('The check has found mistakes; nothing was sent.'),
        next: trans.__('Correct the cells named below.')
      };
    case 'sending':
      return {
        sentence: trans.__('This notebook is being sent already.'),
        next: trans.__('Another tab may have sent it; see the panel.')
      };
    case 'receipt_differs':
    case 'receipt':
      return {
        sentence: trans.__('What the gateway shows is not what the data holder has signed.'),
        next: trans.__('Do not trust this score. Tell the organizer.')
      };
    case 'not_kept':
      return {
        sentence: trans.__('The notebook of this submission is not on this machine.'),
        next: trans.__('Open it where you submitted it from.')
      };
    case 'outside':
      return {
        sentence: trans.__('This lies outside the folder that Jupyter shows.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    case 'disk':
    case 'file':
      return {
        sentence: trans.__('A file cannot be written or read.'),
        next: `${detail} ${problem.hint}`.trim()
      };
    default:
      return { sentence: detail || trans.__('It failed.'), next: problem.hint };
  }
}

/** Why a job has failed, and what to do. */
export function whyFailed(job: IJob, trans: TranslationBundle): string {
  if (job.problem) {
    const { sentence, next } = adviceFor(job.problem, trans);
    return `${sentence} ${next}`.trim();
  }
  return job.explanation ? formatSaid(job.explanation, trans, job.reason) : trans.__('It failed.');
}

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IProblem } from './messages';

/** Where the server extension answers, below Jupyter's base URL. */
export const NAMESPACE = 'participant-kit';

/** An answer that is no success: what a person is to know, and the HTTP status (0 without an answer). */
export class ProblemError extends Error {
  constructor(
    readonly problem: IProblem,
    readonly status: number
  ) {
    super(problem.message);
    this.name = 'ProblemError';
  }
}

/** The problem that anything thrown tells of. */
export function problemOf(error: unknown): IProblem {
  if (error instanceof ProblemError) {
    return error.problem;
  }
  return { code: 'internal', message: String(error), hint: '' };
}

/** Ask the server extension; `body` makes it a POST unless `method` says otherwise. */
export async function ask<T>(
  path: string,
  options: {
    body?: unknown;
    method?: string;
    query?: Record<string, string | undefined>;
    settings?: ServerConnection.ISettings;
  } = {}
): Promise<T> {
  const settings = options.settings ?? ServerConnection.makeSettings();
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) {
      query.set(name, value);
    }
  }
  const url = URLExt.join(settings.baseUrl, NAMESPACE, path);
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(
      query.size ? `${url}?${query.toString()}` : url,
      {
        method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
        body: options.body === undefined ? undefined : JSON.stringify(options.body)
      },
      settings
    );
  } catch {
    throw new ProblemError({ code: 'jupyter_unreachable', message: '', hint: '' }, 0);
  }
  const text = await response.text();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  if (!response.ok) {
    throw new ProblemError(asProblem(content, response.status), response.status);
  }
  if (content === undefined) {
    // A page where an answer should be: what stands before Jupyter asks for a login.
    throw new ProblemError({ code: 'jupyter_login', message: '', hint: '' }, response.status);
  }
  return content as T;
}

function asProblem(content: unknown, status: number): IProblem {
  const said = content as Partial<IProblem> | undefined;
  if (said?.code && said.message !== undefined) {
    return { hint: '', ...said } as IProblem;
  }
  const code = status === 404 ? 'extension_missing' : status === 403 ? 'jupyter_login' : 'internal';
  return { code, message: said?.message ?? `HTTP ${status}`, hint: '' };
}
